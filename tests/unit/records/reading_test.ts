/** How batches are found and opened: mixes, gaps, times, and everything that a log or a hostile peer may hold. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import type { Compression } from "../../../src/records/compression.ts";
import { recordBatches, type RecordList } from "../../../src/records/reading.ts";
import { codecs } from "../../codecs.ts";
import { test } from "../../harness.ts";
import { built, changed, joined, MAGICS, messagesIn, options, origin, record } from "./samples.ts";

const three = ["a", "b", "c"].map((value, i) => record({ value, timestamp: 1000 + i }));

/** A copy with the offset that it begins with, as a broker gives it; outside the checksum. */
function withOffset(bytes: Uint8Array, offset: number, at = 0): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setBigInt64(at, BigInt(offset));
  return copy;
}

/** A batch whose head says something else, its checksum made right. */
function resealed(bytes: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  change(view, copy);
  if (copy[16] === 2) view.setUint32(17, crc32c(copy, 21));
  else view.setUint32(12, crc32(copy, 16));
  return copy;
}

/** A message whose value is the set, as magic 0 and 1 compress. */
function wrapper(magic: 0 | 1, set: Uint8Array, offset: number, attributes = 1, timestamp = 7): Uint8Array {
  const value = codecs.gzip!.compress(set) as Uint8Array;
  const bytes = built(magic, [record({ value, timestamp })]);
  return withOffset(resealed(bytes, (view) => view.setInt8(17, attributes)), offset);
}

/** Entries of the set with offsets of their own. */
function numbered(magic: 0 | 1, offsets: readonly number[]): Uint8Array {
  return joined(
    ...offsets.map((offset) =>
      withOffset(built(magic, [record({ value: `at ${offset}`, timestamp: 1000 + offset })]), offset)
    ),
  );
}

function corruptError(bytes: Uint8Array, message: string | RegExp, how = {}): KafkaError {
  try {
    messagesIn(bytes, how);
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    const kafkaError = error as KafkaError;
    assert.equal(kafkaError.code, "CORRUPT_MESSAGE");
    assert.deepEqual([kafkaError.topic, kafkaError.partition], ["my.test", 3]);
    assert.match(kafkaError.message, message instanceof RegExp ? message : new RegExp(message));
    assert.include(kafkaError.message, "my.test/3");
    return kafkaError;
  }
  throw new Error(`nothing was thrown, and this was expected: ${message}`);
}

function listOf(bytes: Uint8Array): RecordList {
  return recordBatches(bytes, origin)[0]!.open(origin, options) as RecordList;
}

test("any mix of formats and codecs is read in order", () => {
  const pieces = MAGICS.flatMap((magic) =>
    (["none", "gzip", "snappy"] as Compression[]).map((codec) => built(magic, three, codec))
  );
  const bytes = joined(...pieces);
  const batches = recordBatches(bytes, origin);
  assert.deepEqual(batches.map(({ magic, compression }) => [magic, compression]), [
    [0, "none"],
    [0, "gzip"],
    [0, "snappy"],
    [1, "none"],
    [1, "gzip"],
    [1, "snappy"],
    [2, "none"],
    [2, "gzip"],
    [2, "snappy"],
  ]);
  assert.deepEqual(batches.map((batch) => batch.bytes), pieces);
  assert.deepEqual(messagesIn(bytes).map((message) => message.text()), Array(9).fill(["a", "b", "c"]).flat());
});

test("a run of plain messages is one batch, however many they are", () => {
  const bytes = joined(numbered(1, [4, 5, 9]), numbered(0, [12]), numbered(1, [13, 20]));
  const batches = recordBatches(bytes, origin);
  assert.deepEqual(
    batches.map(({ magic, baseOffset, lastOffset, recordCount }) => [magic, baseOffset, lastOffset, recordCount]),
    [[1, 4, 9, 3], [0, 12, 12, 1], [1, 13, 20, 2]],
  );
  assert.deepEqual(messagesIn(bytes).map(({ offset }) => offset), [4, 5, 9, 12, 13, 20]);
  const many = numbered(1, Array.from({ length: 2000 }, (_, offset) => offset));
  assert.lengthOf(recordBatches(many, origin), 1);
});

test("what is cut off at the end is left out, wherever the cut is", () => {
  for (const magic of MAGICS) {
    const first = built(magic, three, "gzip");
    const bytes = joined(first, built(magic, three, "snappy"));
    for (let length = 0; length <= bytes.length; length++) {
      const whole = length < first.length ? 0 : length < bytes.length ? 1 : 2;
      assert.lengthOf(recordBatches(bytes.subarray(0, length), origin), whole, `${length} bytes of magic ${magic}`);
    }
  }
});

test("an offset beyond int32 is exact", () => {
  for (const magic of MAGICS) {
    for (const codec of ["none", "gzip"] as const) {
      if (magic === 0 && codec === "gzip") continue;
      const last = Number.MAX_SAFE_INTEGER;
      const base = magic < 2 && codec === "gzip" ? last : last - 2;
      let bytes = withOffset(built(magic, three, codec), base);
      if (magic < 2 && codec === "none") {
        const size = bytes.length / 3;
        for (let i = 1; i < 3; i++) bytes = withOffset(bytes, last - 2 + i, i * size);
      }
      assert.deepEqual(messagesIn(bytes).map(({ offset }) => offset), [last - 2, last - 1, last]);
      assert.equal(recordBatches(bytes, origin)[0]!.lastOffset, last);
    }
  }
});

test("compacted sets keep the offsets that are stored", () => {
  const cases: [0 | 1, number[], number, number[]][] = [
    [1, [0, 1, 2], 12, [10, 11, 12]],
    [1, [0, 3, 7], 20, [13, 16, 20]],
    [1, [2, 5], 15, [12, 15]],
    [1, [4], 4, [4]],
    [0, [10, 13, 17], 17, [10, 13, 17]],
    // An old librdkafka that produces leaves the wrapper at 0.
    [1, [0, 1, 2], 0, [0, 1, 2]],
    [0, [0, 1, 2], 0, [0, 1, 2]],
    [0, [-1, -1], -1, [-1, -1]],
  ];
  for (const [magic, inner, outer, expected] of cases) {
    const list = listOf(wrapper(magic, numbered(magic, inner), outer));
    assert.deepEqual([...list].map(({ offset }) => offset), expected);
  }
});

test("an inner message may be of the other old format", () => {
  const messages = messagesIn(wrapper(1, joined(numbered(0, [0]), numbered(1, [1])), 8));
  assert.deepEqual(messages.map(({ offset, timestamp }) => [offset, timestamp]), [[7, -1], [8, 1001]]);
});

test("the broker's append time counts for all records if the batch says so", () => {
  const times = (bytes: Uint8Array) => messagesIn(bytes).map(({ timestamp }) => timestamp);
  for (const codec of ["none", "gzip"] as const) {
    const bytes = resealed(built(2, three, codec), (view) => {
      view.setInt16(21, view.getInt16(21) | 8);
      view.setBigInt64(35, 123_456_789_012n);
    });
    assert.deepEqual(times(bytes), [123_456_789_012, 123_456_789_012, 123_456_789_012]);
    assert.isTrue(recordBatches(bytes, origin)[0]!.isAppendTime);
  }
  assert.deepEqual(times(wrapper(1, numbered(1, [0, 1]), 1, 1 | 8, 55)), [55, 55]);
  assert.deepEqual(times(wrapper(1, numbered(1, [0, 1]), 1, 1, 55)), [1000, 1001]);
  // Magic 0 has no such bit, and no timestamp.
  assert.deepEqual(times(wrapper(0, numbered(0, [0, 1]), 1, 1 | 8)), [-1, -1]);
});

test("a batch whose last records were compacted away still says where it ends", () => {
  const bytes = resealed(built(2, three), (view) => view.setInt32(23, 9));
  const [batch] = recordBatches(withOffset(bytes, 100), origin);
  assert.deepEqual([batch!.baseOffset, batch!.lastOffset, batch!.recordCount], [100, 109, 3]);
  const empty = resealed(built(2, three).subarray(0, 61), (view) => {
    view.setInt32(8, 61 - 12);
    view.setInt32(57, 0);
  });
  assert.equal(recordBatches(empty, origin)[0]!.lastOffset, 2);
  assert.equal(listOf(empty).count, 0);
});

test("control batches and transactions are told by their attributes", () => {
  const bytes = resealed(built(2, three), (view) => view.setInt16(21, 16 | 32));
  const [batch] = recordBatches(bytes, origin);
  assert.isTrue(batch!.isControl && batch!.isTransactional);
  const old = recordBatches(built(1, three), origin)[0]!;
  assert.deepEqual([old.isControl, old.isTransactional, old.producerId, old.leaderEpoch], [false, false, -1, -1]);
});

test("a list gives messages by index and by offset", () => {
  const list = listOf(wrapper(1, numbered(1, [0, 3, 7]), 20));
  assert.deepEqual([list.count, list.topic, list.partition], [3, "my.test", 3]);
  assert.deepEqual([0, 13, 14, 16, 20, 21].map((offset) => list.indexOf(offset)), [0, 0, 1, 1, 2, 3]);
  assert.equal(list.at(1).offset, 16);
  for (const index of [-1, 3, 0.5]) assert.throws(() => list.at(index), KafkaError, "INVALID_OPTION");
  assert.deepEqual(
    [...list].map(({ offset }) => offset),
    [...list].map(({ offset }) => offset),
    "it can be walked twice",
  );
});

test("a wrong checksum is told, or not looked at", () => {
  for (const magic of MAGICS) {
    for (const codec of ["none", "snappy"] as const) {
      const bytes = built(magic, three, codec);
      const crc = magic === 2 ? 17 : 12;
      const bad = changed(bytes, crc, bytes[crc]! ^ 1);
      corruptError(bad, "CRC");
      assert.equal(messagesIn(bad, { checkCrc: false }).length, 3);
    }
  }
  const second = joined(numbered(1, [41]), numbered(1, [42]));
  assert.equal(corruptError(changed(second, second.length - 1, 0), "offset 42").offset, 42);
});

test("hostile heads are refused", () => {
  const batch = built(2, three);
  corruptError(resealed(batch, (view) => view.setInt32(57, -1)), "says that it has -1 records");
  corruptError(resealed(batch, (view) => view.setInt32(57, 0x7fffffff)), "says that it has 2147483647 records");
  corruptError(
    resealed(batch, (view) => view.setInt32(57, 4)),
    "says that it has 4 records, and has room for 3|record 3",
  );
  corruptError(resealed(batch, (view) => view.setInt32(57, 2)), "bytes are left after the last of 2");
  corruptError(resealed(batch, (view) => view.setInt32(23, -1)), "last offset lies 1 before");
  corruptError(resealed(batch, (view) => view.setInt32(23, 1)), "its offset lies 2 after");
  corruptError(resealed(batch, (view) => view.setInt16(21, 5)), "name no compression");
  corruptError(changed(batch, 16, 3), "no message format 3");
  corruptError(withOffset(batch, -1), "-1 is no offset");
  corruptError(withOffset(batch, Number.MAX_SAFE_INTEGER - 1), "is no offset");
  for (const length of [-1, 0, 13, -0x80000000, 48]) {
    const bytes = batch.slice();
    new DataView(bytes.buffer).setInt32(8, length);
    corruptError(bytes, /length is|has only/);
  }
  const old = built(1, three);
  corruptError(withOffset(old, -2), "is no offset");
  corruptError(resealed(built(1, [record()]), (view) => view.setInt8(17, 4)), "cannot hold zstd");
  corruptError(resealed(built(1, [record()]), (view) => view.setInt8(17, 7)), "name no compression");
});

test("what is malformed behind sound batches is left for the next fetch, which it stops", () => {
  const sound = built(2, three);
  const broken = changed(sound, 16, 9);
  assert.lengthOf(recordBatches(joined(sound, broken), origin), 1);
  corruptError(broken, "no message format 9");
});

test("hostile records are refused", () => {
  const head = built(2, [record()]).subarray(0, 61);
  const batch = (count: number, ...body: number[]) =>
    resealed(joined(head, Uint8Array.from(body)), (view) => {
      view.setInt32(8, view.byteLength - 12);
      view.setInt32(57, count);
    });
  const ok = [12, 0, 0, 0, 1, 1, 0];
  assert.equal(messagesIn(batch(1, ...ok)).length, 1);
  const bad: [string, number[]][] = [
    ["a negative length", [1, 0, 0, 0, 1, 1, 0]],
    ["a length that leaves the batch", [14, 0, 0, 0, 1, 1, 0]],
    ["a length that is too short", [10, 0, 0, 0, 1, 1, 0]],
    ["a key of length -2", [12, 0, 0, 0, 3, 1, 0]],
    ["a key that leaves the record", [12, 0, 0, 0, 20, 1, 0]],
    ["a value of length -2", [12, 0, 0, 0, 1, 3, 0]],
    ["a value that leaves the record", [12, 0, 0, 0, 1, 60, 0]],
    ["a huge value", [20, 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]],
    ["a negative number of headers", [12, 0, 0, 0, 1, 1, 1]],
    ["headers that have no room", [12, 0, 0, 0, 1, 1, 2]],
    ["a huge number of headers", [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]],
    ["a header without a name", [16, 0, 0, 0, 1, 1, 2, 1, 1]],
    ["a header whose value leaves the record", [16, 0, 0, 0, 1, 1, 2, 0, 4]],
    ["a byte too many", [14, 0, 0, 0, 1, 1, 0, 0]],
    ["a negative offset", [12, 0, 0, 1, 1, 1, 0]],
    ["a varint without end", [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]],
    ["a key's length without end", [12, 0, 0, 0, 255, 255, 255]],
  ];
  for (const [what, body] of bad) {
    assert.throws(() => messagesIn(batch(1, ...body)), KafkaError, "CORRUPT_MESSAGE", what);
  }
});

test("hostile messages of the old formats are refused", () => {
  const message = built(1, [record({ key: "k" })]);
  corruptError(resealed(message, (view) => view.setInt32(26, -2)), "a key's length is -2");
  corruptError(resealed(message, (view) => view.setInt32(26, 1000)), "a key's length is 1000");
  corruptError(resealed(message, (view) => view.setInt32(31, -2)), "a value's length is -2");
  corruptError(resealed(message, (view) => view.setInt32(31, 4)), "a value's length is 4, and 5 bytes are left");
  corruptError(resealed(message, (view) => view.setInt32(31, -1)), "a value's length is -1, and 5 bytes are left");
  const short = resealed(built(0, [record({ value: "" })]), (view) => view.setInt8(16, 1));
  corruptError(short, "has only 26 bytes");
});

test("hostile compressed sets are refused", () => {
  const set = numbered(1, [0, 1]);
  corruptError(wrapper(1, wrapper(1, set, 1), 1), "compressed again");
  corruptError(resealed(built(1, [record({ value: null })]), (view) => view.setInt8(17, 1)), "has no value");
  corruptError(wrapper(1, new Uint8Array(), 1), "is empty");
  corruptError(wrapper(1, set.subarray(0, set.length - 1), 1), "message 1 of a compressed set does not fit");
  corruptError(wrapper(1, built(2, three), 1), "another format");
  corruptError(wrapper(0, numbered(0, [5, 9]), 8), "has the offset 9");
  corruptError(wrapper(1, numbered(1, [9, 1]), 8), "has the offset 16");
  corruptError(wrapper(1, numbered(1, [0, 9]), 5), "has the offset -4");
  corruptError(wrapper(1, changed(set, 12, 0, 0), 1), "CRC");
  const negative = set.slice();
  new DataView(negative.buffer).setInt32(8, -12);
  corruptError(wrapper(1, negative, 1), "message 0 of a compressed set does not fit");
});

test("what decompresses to more than is allowed is refused, whatever the codec", () => {
  const records = [record({ value: "x".repeat(100_000) })];
  for (const magic of MAGICS) {
    for (const codec of ["gzip", "snappy", "lz4", ...magic === 2 && codecs.zstd ? ["zstd" as const] : []] as const) {
      const bytes = built(magic, records, codec);
      const limit = built(magic, records).length - (magic === 2 ? 61 : 0);
      assert.equal(messagesIn(bytes, { decompressedLimit: limit }).length, 1);
      corruptError(bytes, `at most ${limit - 1} bytes`, { decompressedLimit: limit - 1 });
    }
  }
});

test("whatever a codec throws or gives is told with topic, partition and offset", async () => {
  const bytes = withOffset(built(2, three, "gzip"), 77);
  const gzip = (decompress: () => Uint8Array | Promise<Uint8Array>) => ({
    codecs: { gzip: { compress: (plain: Uint8Array) => plain, decompress } },
  });
  const failing = () => {
    throw new TypeError("no way");
  };
  const error = corruptError(bytes, "no way", gzip(failing));
  assert.equal(error.offset, 77);
  assert.instanceOf(error.cause, TypeError);
  corruptError(bytes, "100 bytes, and 99 are allowed", { ...gzip(() => new Uint8Array(100)), decompressedLimit: 99 });
  const later = { ...options, ...gzip(() => Promise.reject(new TypeError("not now"))) };
  const rejected = await Promise.resolve(recordBatches(bytes, origin)[0]!.open(origin, later)).catch((e) => e);
  assert.instanceOf(rejected, KafkaError);
  assert.match((rejected as KafkaError).message, /CORRUPT_MESSAGE.*my\.test\/3 at offset 77.*not now/);
});
