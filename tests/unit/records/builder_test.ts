/** What the builders write: sizes, text, timestamps, compressed sets, and what they refuse. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { type Bytes, type RecordInput, recordsBuilder, recordSizeMax } from "../../../src/records/builder.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { codecs, gzip } from "../../codecs.ts";
import { test } from "../../harness.ts";
import { built, expectedParts, MAGICS, messagesIn, origin, parts, record } from "./samples.ts";

/** Texts around every place where the width of a length changes, in characters of one to four bytes. */
const TEXTS: readonly string[] = ["x", "é", "☃", "😀"].flatMap((character) =>
  [0, 1, 15, 16, 21, 31, 32, 47, 48, 49, 57, 63, 64, 2729, 2731, 4095, 8191, 8192, 17_000]
    .map((count) => character.repeat(count))
);

function assertRoundTrip(magic: 0 | 1 | 2, records: readonly RecordInput[]): void {
  const expected = records.map((each, offset) => expectedParts(magic, each, offset));
  assert.deepEqual(messagesIn(built(magic, records)).map(parts), expected);
}

test("a builder's size is what the result has, and no record adds more than recordSizeMax() says", () => {
  for (const magic of MAGICS) {
    for (const text of TEXTS) {
      const headers: [string, Bytes | null][] = magic < 2 ? [] : [[text, text], ["n", null]];
      const builder = recordsBuilder(magic);
      for (const each of [record({ key: text, headers }), record({ value: text, timestamp: 2 ** 50 })]) {
        const before = builder.size;
        builder.append(each);
        assert.isAtMost(builder.size - before, recordSizeMax(magic, each));
        assert.isAbove(builder.size, before);
      }
      assert.equal((builder.build({ compression: "none", codecs }) as Uint8Array).length, builder.size);
    }
  }
});

test("recordSizeMax() of long text is nearly exact", () => {
  const text = "x".repeat(900_000) + "☃";
  for (const magic of MAGICS) assert.isAtMost(recordSizeMax(magic, record({ value: text })), 900_003 + 40);
});

test("text is written as UTF-8 whatever its length and width", () => {
  for (const magic of MAGICS) {
    assertRoundTrip(magic, TEXTS.map((text) => record({ key: text })));
    assertRoundTrip(magic, TEXTS.map((text) => record({ value: text, key: text })));
  }
  assertRoundTrip(2, TEXTS.map((text) => record({ headers: [[text, text], [text, null]] })));
});

test("lone surrogates become U+FFFD, as TextEncoder does it", () => {
  for (const text of ["\ud800", "a\udc00b", "\ud83d\ud83d\ude00", "x".repeat(60) + "\ud800", "\udfff".repeat(17_000)]) {
    for (const magic of MAGICS) assertRoundTrip(magic, [record({ key: text, value: text })]);
  }
});

test("null, empty and binary keys and values stay apart", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const contents = [null, "", new Uint8Array(), bytes, bytes.subarray(128), "text"];
  for (const magic of MAGICS) {
    assertRoundTrip(magic, contents.flatMap((key) => contents.map((value) => record({ key, value }))));
  }
});

test("headers keep order, repeats, nulls and empty values", () => {
  const headers: [string, Bytes | null][] = [["b", "2"], ["a", "1"], ["b", null], ["", ""], ["ü", Uint8Array.of(255)]];
  assertRoundTrip(2, [record(), record({ headers }), record({ headers: [] })]);
});

test("timestamps any distance apart come back exactly", () => {
  const steps = [0, 1, 63, 64, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 3e9, 2 ** 42, 2 ** 42 + 1];
  const times = [...steps, 2 ** 49, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER, -1];
  for (const first of times) {
    for (const magic of MAGICS) {
      assertRoundTrip(magic, [record({ timestamp: first }), ...times.map((timestamp) => record({ timestamp }))]);
    }
  }
});

test("a builder knows the latest timestamp and tells it in the head", () => {
  for (const magic of [1, 2] as const) {
    const builder = recordsBuilder(magic);
    assert.equal(builder.maxTimestamp, -1);
    for (const timestamp of [5, 9, 7]) builder.append(record({ timestamp }));
    assert.equal(builder.maxTimestamp, 9);
    assert.equal(builder.count, 3);
    const [batch] = recordBatches(builder.build({ compression: "snappy", codecs }) as Uint8Array, origin);
    assert.equal(batch!.maxTimestamp, 9);
  }
});

test("a batch says whose it is, and can be numbered anew", () => {
  const builder = recordsBuilder(2);
  builder.append(record());
  builder.append(record());
  const plain = recordBatches(builder.build({ compression: "none", codecs }) as Uint8Array, origin)[0]!;
  assert.deepEqual(
    [plain.producerId, plain.producerEpoch, plain.baseSequence, plain.isTransactional, plain.leaderEpoch],
    [-1, -1, -1, false, -1],
  );
  const more = { producerId: 2 ** 40 + 1, producerEpoch: 7, baseSequence: 2 ** 31 - 1, transactional: true };
  const bytes = builder.build({ compression: "gzip", codecs, ...more }) as Uint8Array;
  const batch = recordBatches(bytes, origin)[0]!;
  assert.deepEqual([batch.producerId, batch.producerEpoch], [2 ** 40 + 1, 7]);
  assert.deepEqual([batch.baseSequence, batch.isTransactional, batch.isControl], [2 ** 31 - 1, true, false]);
  assert.deepEqual([batch.baseOffset, batch.lastOffset, batch.recordCount], [0, 1, 2]);
  assert.equal(messagesIn(bytes).length, 2);
});

test("compressed sets have relative offsets inside and the last one outside", () => {
  const records = ["a", "b", "c"].map((value) => record({ value }));
  for (const magic of [0, 1] as const) {
    const plain = built(magic, records);
    const bytes = built(magic, records, "gzip");
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    assert.equal(view.getUint32(4), 2, "the wrapper's offset");
    assert.equal(bytes[16], magic);
    assert.equal(bytes[17], 1, "the attributes");
    const value = magic === 0 ? 26 : 34;
    assert.deepEqual(Uint8Array.from(codecs.gzip!.decompress(bytes.subarray(value), 1000) as Uint8Array), plain);
    const offsets = messagesIn(plain).map(({ offset }) => offset);
    assert.deepEqual(offsets, [0, 1, 2]);
  }
});

test("build() gives a promise only if the codec does", async () => {
  const slow = {
    snappy: {
      compress: (bytes: Uint8Array) => Promise.resolve(codecs.snappy!.compress(bytes)),
      decompress: (bytes: Uint8Array, limit: number) => Promise.resolve(codecs.snappy!.decompress(bytes, limit)),
    },
  };
  for (const magic of MAGICS) {
    const bytes = built(magic, [record()], "snappy", { codecs: slow }) as unknown;
    assert.instanceOf(bytes, Promise);
    assert.deepEqual(await bytes as unknown, built(magic, [record()], "snappy"));
    const batch = recordBatches(await bytes as Uint8Array, origin)[0]!;
    const list = batch.open(origin, { codecs: slow, checkCrc: true, decompressedLimit: 1000 });
    assert.instanceOf(list, Promise);
    assert.equal((await list).count, 1);
  }
});

test("headers are refused where the format has none, and leave no trace", () => {
  for (const magic of [0, 1] as const) {
    const builder = recordsBuilder(magic);
    builder.append(record());
    const { size } = builder;
    const bad = () => builder.append(record({ headers: [["a", "b"]] }));
    assert.throws(bad, KafkaError, "UNSUPPORTED_FEATURE: record headers need Kafka 0.11");
    assert.deepEqual([builder.size, builder.count], [size, 1]);
  }
});

test("timestamps that are none are refused and leave no trace", () => {
  for (const magic of MAGICS) {
    const builder = recordsBuilder(magic);
    const { size } = builder;
    for (const timestamp of [1.5, NaN, Infinity, -2, 2 ** 53]) {
      assert.throws(() => builder.append(record({ timestamp })), KafkaError, "INVALID_OPTION: a record's timestamp");
    }
    assert.deepEqual([builder.size, builder.count], [size, 0]);
  }
});

test("a codec that is missing, or that the format cannot hold, is refused by name", () => {
  const refused = (magic: 0 | 1 | 2, compression: "lz4" | "zstd" | "gzip", more = {}) => {
    try {
      built(magic, [record()], compression, more);
    } catch (error) {
      assert.instanceOf(error, KafkaError);
      assert.equal((error as KafkaError).code, "UNSUPPORTED_COMPRESSION_TYPE");
      return (error as KafkaError).message;
    }
    throw new Error("it was accepted");
  };
  assert.include(
    refused(2, "lz4", { codecs: { zstd: gzip } }),
    "no codec for lz4 is at hand; pass one when connecting",
  );
  const zstd = refused(2, "zstd", { codecs: { gzip } });
  assert.include(zstd, "as on Node before 22.15 and in pages");
  assert.include(zstd, "codecs: { zstd: { compress, decompress } }");
  assert.include(refused(1, "gzip", { codecs: {} }), "no codec for gzip");
  const codec = { compress: (bytes: Uint8Array) => bytes, decompress: (bytes: Uint8Array) => bytes };
  assert.include(refused(1, "zstd", { codecs: { zstd: codec } }), "message format 1 cannot hold zstd");
});

test("a batch without records is refused", () => {
  for (const magic of MAGICS) assert.throws(() => built(magic, []), KafkaError, "INVALID_OPTION");
});
