/** The simple consumer when things go wrong: offsets that are gone, records that are corrupt, topics that change, brokers that lie. */

import { assert } from "chai";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { recordsBuilder } from "../../../src/records/builder.ts";
import { test } from "../../harness.ts";
import { failure, play } from "../client/rig.ts";
import { filled, reading, readInto } from "./reader.ts";

/** The bytes of a batch, and what its head says of itself changed. */
function batchOf(values: readonly string[], attributes: number, lastOffsetDelta: number): Uint8Array {
  const builder = recordsBuilder(2);
  for (const value of values) builder.append({ key: null, value, headers: [], timestamp: 5 });
  const bytes = (builder.build({ compression: "none", codecs: {} }) as Uint8Array).slice();
  const view = new DataView(bytes.buffer);
  view.setInt16(21, attributes);
  view.setInt32(23, lastOffsetDelta);
  view.setUint32(17, crc32c(bytes, 21));
  return bytes;
}

/** A batch whose records have all been compacted away. */
function emptied(batch: Uint8Array): Uint8Array {
  const bytes = batch.slice(0, 61);
  const view = new DataView(bytes.buffer);
  view.setInt32(8, 49);
  view.setInt32(57, 0);
  view.setUint32(17, crc32c(bytes, 21));
  return bytes;
}

test("control batches and batches with gaps at their ends are passed over, also at the end", () =>
  play({}, async (rig) => {
    const { log } = rig.cluster.partition("t", 0);
    log.append(batchOf(["commit"], 0x30, 0), 1, 5, 0, 5);
    log.append(batchOf(["a", "b"], 0, 4), 5, 5, 0, 5);
    log.append(batchOf(["c"], 0, 0), 1, 5, 0, 5);
    log.append(batchOf(["d"], 0, 2), 3, 5, 0, 5);
    log.append(batchOf(["commit"], 0x30, 0), 1, 5, 0, 5);
    log.append(emptied(batchOf(["e"], 0, 1)), 2, 5, 0, 5);
    const consumer = await reading(rig, { until: "end" });
    const offsets: number[] = [];
    for await (const message of consumer) offsets.push(message.offset);
    assert.deepEqual(offsets, [1, 2, 6, 7]);
    assert.equal(consumer.positions.get(0), 13);
  }));

test("an offset that is gone starts again where reset says", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c", "d"]);
    rig.cluster.deleteRecords("t", 0, 2);
    for (const [reset, wanted] of [["earliest", "cd"], ["latest", ""], [undefined, "cd"]] as const) {
      const seen: string[] = [];
      await readInto(seen, await reading(rig, { from: 1, reset, until: "end" }));
      assert.equal(seen.join(""), wanted);
    }
    const consumer = await reading(rig, { from: 1, reset: "error" });
    const error = await failure(readInto([], consumer));
    assert.deepEqual([error.code, error.partition, error.offset], ["OFFSET_OUT_OF_RANGE", 0, 1]);
    assert.equal((await failure(readInto([], consumer))).code, "OFFSET_OUT_OF_RANGE");
    consumer.seek(0, "earliest");
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(1000);
    await consumer.close();
    await loop;
    assert.deepEqual(seen, ["c", "d"]);
  }));

test("what was fetched before an offset was gone is read first", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c"]);
    const consumer = await reading(rig);
    const iterator = consumer[Symbol.asyncIterator]();
    const seen = [(await iterator.next()).value?.text()];
    rig.cluster.control(fetch, ({ body }) => {
      const partitions = [{ partitionIndex: 0, errorCode: 1, highWatermark: -1, records: new Uint8Array(0) }];
      return { responses: body.topics.map(({ topic, topicId }) => ({ topic, topicId, partitions })) };
    });
    await rig.process.sleep(2000);
    for (let i = 0; i < 2; i++) seen.push((await iterator.next()).value?.text());
    assert.deepEqual(seen, ["a", "b", "c"]);
    await consumer.close();
  }));

test("a corrupt batch is told with its place, again until somebody seeks, behind all that comes before it", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c"]);
    const { bytes } = rig.cluster.partition("t", 0).log.stored[1]!;
    bytes[bytes.length - 2]! ^= 1;
    const consumer = await reading(rig, { until: "end" });
    const seen: string[] = [];
    const error = await failure(readInto(seen, consumer));
    assert.deepEqual([error.code, error.topic, error.partition, error.offset], ["CORRUPT_MESSAGE", "t", 0, 1]);
    assert.deepEqual(seen, ["a"]);
    assert.equal((await failure(readInto(seen, consumer))).code, "CORRUPT_MESSAGE");
    consumer.seek(0, 2);
    await readInto(seen, consumer);
    assert.deepEqual(seen, ["a", "c"]);
    const careless: string[] = [];
    await readInto(careless, await reading(rig, { checkCrc: false, until: "end" }));
    assert.lengthOf(careless, 3);
  }));

test("a batch without its codec is told as such", () =>
  play({}, async (rig) => {
    const producer = (await rig.client.topic("t")).producer({ compression: "snappy" });
    await producer.produce("a".repeat(100));
    const other = await rig.connect({ codecs: {} });
    const consumer = (await other.topic("t")).simpleConsumer();
    assert.equal((await failure(readInto([], consumer))).code, "UNSUPPORTED_COMPRESSION_TYPE");
    await other.close();
  }));

test("a message larger than what is asked for comes whole, from old brokers too", async () => {
  for (const release of ["0.8.2.2", "0.10.2.2", "0.11.0.3", "4.4.0"]) {
    await play({ release }, async (rig) => {
      const values = ["a", "b".repeat(20_000), "c"];
      await filled(rig, values);
      const seen: string[] = [];
      await readInto(seen, await reading(rig, { partitionBytes: 100, responseBytes: 1, until: "end" }));
      assert.deepEqual(seen, values, release);
    });
  }
});

test("partitions that are added are read from their beginning", () =>
  play({ client: { metadataMaxAgeMs: 1000 } }, async (rig) => {
    await filled(rig, ["a"]);
    const consumer = await reading(rig, { from: "latest" });
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(500);
    rig.cluster.addPartitions("t", 2);
    rig.cluster.partition("t", 1).log.append(batchOf(["new"], 0, 0), 1, 5, 0, 5);
    await rig.process.sleep(3000);
    assert.deepEqual(seen, ["new"]);
    await consumer.close();
    await loop;
  }));

test("a topic that is deleted fails its readers after a while", () =>
  play({ client: { requestTimeoutMs: 5000 } }, async (rig) => {
    await filled(rig, ["a"]);
    const consumer = await reading(rig);
    const seen: string[] = [];
    const loop = failure(readInto(seen, consumer));
    await rig.process.sleep(1000);
    rig.cluster.deleteTopic("t");
    const error = await loop;
    assert.deepEqual([error.code, error.retriable], ["UNKNOWN_TOPIC_OR_PARTITION", false]);
    assert.deepEqual(seen, ["a"]);
    assert.isBelow(rig.process.now(), 25_000);
    await consumer.close();
  }));

test("a partition without a leader holds up neither the others' start nor their end of a seek", () =>
  play({ brokers: 2, topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, ["a"], 0);
    await filled(rig, ["b"], 1);
    const down = rig.cluster.partition("t", 0).leader;
    await rig.cluster.kill(down);
    const consumer = await reading(rig);
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(2000);
    assert.deepEqual(seen, ["b"]);
    consumer.seek(0, "earliest");
    consumer.seek(1, "earliest");
    await rig.process.sleep(60_000);
    assert.deepEqual(seen, ["b", "b"]);
    await rig.cluster.start(down);
    await rig.process.sleep(5000);
    assert.deepEqual(seen, ["b", "b", "a"]);
    await consumer.close();
    await loop;
  }));

test("a nameless failure of a broker is tried again; a hostile answer is no hot loop", () =>
  play({}, async (rig) => {
    await filled(rig, ["a"]);
    let asked = 0;
    rig.cluster.control(fetch, ({ body }) => {
      const partitions = [{ partitionIndex: 0, errorCode: -1, highWatermark: -1, records: new Uint8Array(0) }];
      const responses = body.topics.map(({ topic, topicId }) => ({ topic, topicId, partitions }));
      return asked++ % 2 === 0 ? { responses } : { responses: [] };
    }, 10);
    const seen: string[] = [];
    await readInto(seen, await reading(rig, { until: "end" }));
    assert.deepEqual(seen, ["a"]);
    assert.isAbove(rig.process.now(), 1000);
    let answers = 0;
    const nothing = rig.cluster.control(fetch, () => {
      answers++;
      return { responses: [] };
    }, 1_000_000);
    const patient = await reading(rig);
    const waiting = readInto([], patient);
    await rig.process.sleep(3000);
    assert.isBelow(answers, 20);
    nothing();
    await patient.close();
    await waiting;
    let lookups = 0;
    const undo = rig.cluster.control(listOffsets, ({ body }) => {
      lookups++;
      const partitions = [{ partitionIndex: 0, errorCode: 0, offset: -1, timestamp: -1 }];
      return { topics: body.topics.map(({ name }) => ({ name, partitions })) };
    }, 1_000_000);
    const consumer = await reading(rig);
    const loop = readInto(seen, consumer);
    await rig.process.sleep(3000);
    assert.isBelow(lookups, 60);
    undo();
    await rig.process.sleep(3000);
    assert.deepEqual(seen, ["a", "a"]);
    await consumer.close();
    await loop;
  }));
