/**
 * Records that lie, as a reader meets them: each is told with a code and its place, the other partition is read meanwhile, and a
 * seek past it goes on with the rest. What is refused in detail, and on junk, stands elsewhere:
 *
 * - heads, records, sets and codecs one by one: tests/unit/records/reading_test.ts, snappy_test.ts; by chance: tests/property/records_test.ts
 * - CRC told again until somebody seeks, not checked if so asked; a codec that is missing: tests/unit/consumer/bad_weather_test.ts
 * - control batches, batches that were compacted at their ends (F2), a first batch over the limits (F4): the same
 * - F12, F13 (pause, seek while under way): tests/unit/consumer/simple_consumer_test.ts
 * - F15, F16 (timestamps, headers): tests/unit/records; a broker's own tests of what it refuses: tests/unit/testing_cluster
 */

import { assert } from "chai";
import { snappy } from "../../../src/records/snappy.ts";
import { codecs, gzip } from "../../codecs.ts";
import { test } from "../../harness.ts";
import { play } from "../client/rig.ts";
import { bendRecords, changedEntry, filled, readOn, resealed, withBody } from "./bent.ts";

type Change = (entry: Uint8Array) => Uint8Array;

const LIMIT = 100_000;
const ZEROS = new Uint8Array(10 * LIMIT);
const gzipped = (bytes: Uint8Array) => gzip.compress(bytes) as Uint8Array;
const FIRST = [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]];
const SECOND = [["1", "2", "3"], ["4", "5", "6"], ["7"]];

const at = (position: number, ...values: number[]): Change => (entry) => {
  const bytes = entry.slice();
  bytes.set(values, position);
  return bytes;
};
const int32 = (position: number, value: number): Change => (entry) =>
  resealed(entry, (view) => view.setInt32(position, value));

const broken: readonly [what: string, code: string, text: RegExp, change: Change][] = [
  ["a wrong CRC", "CORRUPT_MESSAGE", /their CRC is/, at(17, 1, 2, 3, 4)],
  ["a flipped bit", "CORRUPT_MESSAGE", /their CRC is/, (entry) => at(70, entry[70]! ^ 1)(entry)],
  ["more records than there are", "CORRUPT_MESSAGE", /says that it has 4 records|record 3 of 4/, int32(57, 4)],
  ["fewer records than there are", "CORRUPT_MESSAGE", /left after the last of 2/, int32(57, 2)],
  ["two billion records", "CORRUPT_MESSAGE", /says that it has 2147483647 records/, int32(57, 0x7fffffff)],
  ["a negative number of records", "CORRUPT_MESSAGE", /says that it has -1 records/, int32(57, -1)],
  ["a record's negative length", "CORRUPT_MESSAGE", /record 0 of 3/, (e) => resealed(e, (v) => v.setUint8(61, 1))],
  ["a record that is too long", "CORRUPT_MESSAGE", /record 0 of 3/, (e) => resealed(e, (v) => v.setUint8(61, 120))],
  ["a last offset before the first", "CORRUPT_MESSAGE", /last offset lies 1 before/, int32(23, -1)],
  ["a codec that does not exist", "CORRUPT_MESSAGE", /name no compression/, (e) => withBody(e, 5, new Uint8Array(9))],
  ["a codec that is not at hand", "UNSUPPORTED_COMPRESSION_TYPE", /lz4/, (e) => withBody(e, 3, new Uint8Array(9))],
  ["what is no gzip", "CORRUPT_MESSAGE", /gzip cannot decompress/, (e) => withBody(e, 1, new Uint8Array(9))],
  [
    "what is no snappy",
    "CORRUPT_MESSAGE",
    /snappy cannot decompress/,
    (e) => withBody(e, 2, new Uint8Array(9).fill(9)),
  ],
  ["half of a gzip", "CORRUPT_MESSAGE", /gzip cannot/, (e) => withBody(e, 1, gzipped(ZEROS).subarray(0, 50))],
  [
    "a bomb of gzip",
    "CORRUPT_MESSAGE",
    /gzip cannot decompress them to at most/,
    (e) => withBody(e, 1, gzipped(ZEROS)),
  ],
  ["a bomb of snappy", "CORRUPT_MESSAGE", /and 100000 are allowed/, (e) => withBody(e, 2, bombOfSnappy)],
  ["zeros, compressed", "CORRUPT_MESSAGE", /record 0 of 3/, (e) => withBody(e, 1, gzipped(new Uint8Array(99)))],
  ["a format of the future", "CORRUPT_MESSAGE", /no message format 3/, at(16, 3)],
  ["a negative format", "CORRUPT_MESSAGE", /no message format 255/, at(16, 255)],
  ["no length", "CORRUPT_MESSAGE", /length is 0/, at(8, 0, 0, 0, 0)],
  ["a negative length", "CORRUPT_MESSAGE", /length is -1/, at(8, 255, 255, 255, 255)],
  ["a length too short for its head", "CORRUPT_MESSAGE", /has only 60 bytes/, at(8, 0, 0, 0, 48)],
  ["an offset beyond 2^53", "CORRUPT_MESSAGE", /is no offset/, at(0, 0x7f, 255)],
  ["a negative offset", "CORRUPT_MESSAGE", /is no offset/, at(0, 255)],
];

const bombOfSnappy = snappy.compress(ZEROS) as Uint8Array;

const { lz4: _, ...withoutLz4 } = codecs;

for (const [what, code, text, change] of broken) {
  test(`a batch with ${what}: ${code} with its place, the rest is read`, () =>
    play({ topics: { t: { partitions: 2 } }, client: { codecs: withoutLz4 } }, async (rig) => {
      await filled(rig, 0, FIRST);
      await filled(rig, 1, SECOND);
      bendRecords(rig, (records) => changedEntry(records, 3, change));
      const topic = await rig.client.topic("t");
      const { seen, before, errors } = await readOn(topic.simpleConsumer({ until: "end", decompressedBytes: LIMIT }));
      assert.deepEqual(seen, [["a", "b", "c", "g", "h", "i"], ["1", "2", "3", "4", "5", "6", "7"]]);
      assert.equal(before, 7, "the other partition was not held up");
      // A seek to the middle of a broken batch ends in front of the same batch, one offset further.
      assert.deepEqual(errors.map(({ offset }) => offset), [3, 4, 5]);
      for (const error of errors) {
        assert.deepEqual([error.code, error.topic, error.partition, error.retriable && error.code], [
          code,
          "t",
          0,
          code === "CORRUPT_MESSAGE" && code,
        ]);
        assert.match(error.message, text);
      }
    }));
}

test("the last batch is cut: what is in front of it is read, then PROTOCOL_ERROR, which a later answer heals by a seek", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, 0, FIRST);
    await filled(rig, 1, SECOND);
    const undo = bendRecords(rig, (records) => records.subarray(0, records.length - 1));
    const consumer = (await rig.client.topic("t")).simpleConsumer();
    const seen: [string[], string[]] = [[], []];
    let error: unknown;
    for (let tries = 0; tries < 5; tries++) {
      try {
        for await (const message of consumer) seen[message.partition]!.push(message.text());
      } catch (thrown) {
        error = thrown;
      }
    }
    const { code, partition, offset, message } = error as {
      code: string;
      partition: number;
      offset: number;
      message: string;
    };
    assert.deepEqual([code, partition, offset], ["PROTOCOL_ERROR", 0, 6], message);
    assert.match(message, /without a whole batch/);
    assert.deepEqual(seen, [["a", "b", "c", "d", "e", "f"], ["1", "2", "3", "4", "5", "6", "7"]]);
    undo();
    consumer.seek(partition, offset);
    const loop = (async () => {
      for await (const message of consumer) seen[message.partition]!.push(message.text());
    })();
    await rig.process.sleep(2000);
    await consumer.close();
    await loop;
    assert.deepEqual(seen[0].slice(6), ["g", "h", "i"]);
  }));

const brokenMessages: readonly [what: string, text: RegExp, change: Change][] = [
  ["a wrong CRC", /their CRC is/, at(12, 1, 2, 3, 4)],
  ["a key's length of -2", /a key's length is -2/, int32(18, -2)],
  ["a value's length that is too large", /a value's length is 1000000/, int32(22, 1_000_000)],
  ["no length", /length is 0/, at(8, 0, 0, 0, 0)],
  ["a codec that does not exist", /name no compression/, (e) => resealed(e, (view) => view.setUint8(17, 7))],
  ["zstd, which came later", /cannot hold zstd/, (e) => resealed(e, (view) => view.setUint8(17, 4))],
  ["gzip that is none", /gzip cannot decompress/, (e) => resealed(e, (view) => view.setUint8(17, 1))],
];

for (const [what, text, change] of brokenMessages) {
  test(`a message of 0.9 with ${what}: those in front of it are read, those behind it after a seek`, () =>
    play({ release: "0.9.0.1", topics: { t: { partitions: 2 } }, client: { codecs } }, async (rig) => {
      await filled(rig, 0, FIRST);
      await filled(rig, 1, SECOND);
      bendRecords(rig, (records) => changedEntry(records, 4, change));
      const topic = await rig.client.topic("t");
      const { seen, before, errors } = await readOn(topic.simpleConsumer({ until: "end" }));
      assert.deepEqual(seen, [["a", "b", "c", "d", "f", "g", "h", "i"], ["1", "2", "3", "4", "5", "6", "7"]]);
      assert.equal(before, 7);
      assert.deepEqual(errors.map(({ code, partition, offset }) => [code, partition, offset]), [[
        "CORRUPT_MESSAGE",
        0,
        4,
      ]]);
      assert.match(errors[0]!.message, text);
    }));
}

test("a broken message behind the position in a run is told at once, and only once the run has been read to it", () =>
  play({ release: "0.10.2.2" }, async (rig) => {
    await filled(rig, 0, FIRST);
    bendRecords(rig, (records) => changedEntry(records, 4, at(12, 1, 2, 3, 4)));
    const consumer = (await rig.client.topic("t")).simpleConsumer({ from: 2 });
    const places: unknown[] = [];
    for (let tries = 0; tries < 3; tries++) {
      try {
        for await (const batch of consumer.batches()) places.push([batch.baseOffset, batch.lastOffset]);
      } catch (error) {
        places.push((error as { offset: number }).offset);
      }
    }
    assert.deepEqual(places, [[2, 3], 4, 4, 4]);
    await consumer.close();
  }));
