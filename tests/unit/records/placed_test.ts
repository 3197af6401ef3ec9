/** Batches written as they may lie in a log: all that their heads can say, in every format. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { encodeBatch, type PlacedBatch } from "../../../src/records/placed.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { codecs } from "../../codecs.ts";
import { test } from "../../harness.ts";
import { built, messagesIn, origin, parts, record } from "./samples.ts";

const encoded = (batch: PlacedBatch) => encodeBatch(batch, codecs) as Uint8Array;
const at = (offset: number, value = `${offset}`) => ({ ...record({ value, timestamp: 1000 + offset }), offset });

test("what a producer builds is what a batch at offset 0 is", () => {
  const some = [
    record({ key: "k", value: null }),
    record({ headers: [["h", "1"], ["h", null]] }),
    record({ value: "ü" }),
  ];
  for (const compression of ["none", "gzip", "snappy", "lz4"] as const) {
    const records = some.map((each, offset) => ({ ...each, offset }));
    const batch = encoded({ magic: 2, records, compression, transactional: true, producerId: 7, producerEpoch: 1 });
    assert.deepEqual(batch, built(2, some, compression, { transactional: true, producerId: 7, producerEpoch: 1 }));
    for (const magic of [0, 1] as const) {
      const plain = records.map((each) => ({ ...each, headers: [] }));
      assert.deepEqual(encoded({ magic, records: plain, compression }), built(magic, plain, compression));
    }
  }
});

test("format 2: places, gaps, epochs, numbers and marks come back", () => {
  const batch = encoded({
    ...{ magic: 2, records: [at(105), at(107)], baseOffset: 100, lastOffset: 110, leaderEpoch: 3, appendTime: 5000 },
    ...{ producerId: 9, producerEpoch: 2, baseSequence: 44, transactional: true, control: true },
  });
  const [found] = recordBatches(batch, origin);
  assert.deepInclude({ ...found, isControl: found!.isControl, isTransactional: found!.isTransactional }, {
    ...{ baseOffset: 100, lastOffset: 110, recordCount: 2, isControl: true, isTransactional: true },
  });
  assert.deepEqual([found!.leaderEpoch, found!.producerId, found!.producerEpoch, found!.baseSequence], [3, 9, 2, 44]);
  assert.isTrue(found!.isAppendTime);
  assert.deepEqual(messagesIn(batch).map(parts).map(({ offset, timestamp }) => [offset, timestamp]), [[105, 5000], [
    107,
    5000,
  ]]);
});

test("format 2: a batch whose records were all compacted away still has its place", () => {
  const [found] = recordBatches(encoded({ magic: 2, records: [], baseOffset: 7, lastOffset: 9 }), origin);
  assert.deepEqual([found!.baseOffset, found!.lastOffset, found!.recordCount], [7, 9, 0]);
  assert.lengthOf(messagesIn(found!.bytes), 0);
});

test("formats 0 and 1: offsets with gaps, compressed or not, and the broker's time", () => {
  for (const magic of [0, 1] as const) {
    for (const compression of ["none", "gzip", "snappy", "lz4"] as const) {
      const records = [at(40), at(41), at(50)];
      const read = messagesIn(encoded({ magic, records, compression })).map(parts);
      assert.deepEqual(read.map(({ offset }) => offset), [40, 41, 50]);
      assert.deepEqual(read.map(({ timestamp }) => timestamp), magic === 0 ? [-1, -1, -1] : [1040, 1041, 1050]);
      const stamped = messagesIn(encoded({ magic, records, compression, appendTime: 77 })).map(parts);
      assert.deepEqual(stamped.map(({ timestamp }) => timestamp), Array(3).fill(magic === 0 ? -1 : 77));
    }
  }
});

test("what a format cannot hold is refused; a codec that takes its time gives a promise", async () => {
  const wrong: PlacedBatch[] = [
    { magic: 1, records: [] },
    { magic: 1, records: [{ ...at(0), headers: [["h", null]] }] },
    { magic: 2, records: [at(5)], baseOffset: 6 },
    { magic: 2, records: [at(5)], lastOffset: 4 },
  ];
  for (const batch of wrong) assert.throws(() => encoded(batch), KafkaError, /INVALID_OPTION: encodeBatch/);
  assert.throws(() => encodeBatch({ magic: 2, records: [at(0)], compression: "lz4" }), /UNSUPPORTED_COMPRESSION_TYPE/);
  const slow = {
    compress: (bytes: Uint8Array) => Promise.resolve(bytes.slice()),
    decompress: (bytes: Uint8Array) => bytes,
  };
  const late = encodeBatch({ magic: 2, records: [at(3)], compression: "zstd" }, { zstd: slow });
  assert.instanceOf(late, Promise);
  assert.deepEqual(messagesIn(await late, { codecs: { zstd: slow } }).map(({ offset }) => offset), [3]);
});
