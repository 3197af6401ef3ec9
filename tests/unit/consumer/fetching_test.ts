/** How the simple consumer fetches: nobody waits for a long poll that is not about him, and nothing is asked for twice. */

import { assert } from "chai";
import { fetch } from "../../../src/protocol/fetch.ts";
import { dialOf } from "../../../src/testing/network.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig } from "../client/rig.ts";
import { filled, reading, readInto } from "./reader.ts";

/** Longer than any of these tests may take. */
const LONG_MS = 60_000;
const SOON_MS = 300;

/** Counts fetches, by the number of partitions that each asks for. */
function counting({ cluster }: Rig): number[] {
  const sizes: number[] = [];
  cluster.control(fetch, ({ body }) => {
    sizes.push(body.topics.reduce((sum, { partitions }) => sum + partitions.length, 0));
    return undefined;
  }, Infinity);
  return sizes;
}

test("a seek, a resume and a reset do not wait for the long poll that is under way", () =>
  play({ topics: { t: { partitions: 3 } } }, async (rig) => {
    for (const partition of [0, 1, 2]) await filled(rig, [`${partition}`], partition);
    const consumer = await reading(rig, { maxWaitMs: 5000 });
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(1000);
    const next = async (act: () => void) => {
      seen.length = 0;
      act();
      await rig.process.sleep(SOON_MS);
      return [...seen].sort();
    };
    assert.deepEqual(await next(() => consumer.seek(0, 0)), ["0"]);
    assert.deepEqual(await next(() => consumer.seek(1, "earliest")), ["1"]);
    assert.deepEqual(await next(() => consumer.reset()), ["0", "1", "2"]);
    assert.deepEqual(
      await next(() => {
        consumer.pause([2]);
        consumer.seek(2, 0);
      }),
      [],
    );
    assert.deepEqual(await next(() => consumer.resume([2])), ["2"]);
    await consumer.close();
    await loop;
  }));

test("a partition that is added does not wait for the long poll of the others", () =>
  play({ client: { metadataMaxAgeMs: 100 } }, async (rig) => {
    await filled(rig, ["a"]);
    const consumer = await reading(rig, { maxWaitMs: LONG_MS });
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(1000);
    const [stored] = rig.cluster.partition("t", 0).log.stored;
    rig.cluster.addPartitions("t", 2);
    rig.cluster.partition("t", 1).log.append(stored!.bytes.slice(), 1, 5, 0, 5);
    await rig.process.sleep(1000);
    assert.deepEqual(seen, ["a", "a"]);
    await consumer.close();
    await loop;
  }));

test("a partition with much to read is not held up by one with nothing", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(1000, ".")));
    const consumer = await reading(rig, { maxWaitMs: LONG_MS, partitionBytes: 3000 });
    const seen: string[] = [];
    const startedAt = rig.process.now();
    for await (const message of consumer) if (seen.push(message.text()) === 50) break;
    assert.isBelow(rig.process.now() - startedAt, 2000);
    await consumer.close();
  }));

test("what a reader takes slowly is ready when he asks for it, and comes to others meanwhile", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(1000, ".")));
    const consumer = await reading(rig, { maxWaitMs: LONG_MS, partitionBytes: 1500 });
    const waits: number[] = [];
    let askedAt = rig.process.now();
    for await (const { partition, offset } of consumer) {
      waits.push(rig.process.now() - askedAt);
      if (offset === 5 && partition === 0) await filled(rig, ["late"], 1);
      if (waits.length === 13) break;
      await rig.process.sleep(200);
      askedAt = rig.process.now();
    }
    assert.isBelow(Math.max(...waits.slice(1)), 50);
    await consumer.close();
  }));

test("while one answer is read the next is there, and one more, but no further", () =>
  play({}, async (rig) => {
    await filled(rig, Array.from({ length: 9 }, (_, i) => `${i}`.padEnd(1000, ".")));
    const sizes = counting(rig);
    const consumer = await reading(rig, { partitionBytes: 1500 });
    const iterator = consumer[Symbol.asyncIterator]();
    for (let i = 1; i <= 3; i++) {
      await iterator.next();
      await rig.process.sleep(1000);
      assert.lengthOf(sizes, i + 2);
    }
    await consumer.close();
  }));

test("a partition that the second request has asked for is not forgotten when the first has nothing else to do", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await play({ seed, topics: { t: { partitions: 2 } } }, async (rig) => {
      await filled(rig, ["a"]);
      const sizes = counting(rig);
      const consumer = await reading(rig);
      // While the message is in hand nobody waits for what comes, but it is fetched all the same.
      await consumer[Symbol.asyncIterator]().next();
      await rig.process.sleep(1000 + 23 * seed);
      consumer.seek(0, "latest");
      consumer.pause([1]);
      await rig.process.sleep(1500);
      sizes.length = 0;
      await rig.process.sleep(1200);
      assert.isAbove(sizes.length, 1, `seed ${seed}`);
      await consumer.close();
    });
  }
});

test("at rest one request at a time asks for everything, also after a second was needed for a while", () =>
  play({ topics: { t: { partitions: 3 } } }, async (rig) => {
    await filled(rig, ["a"]);
    const consumer = await reading(rig);
    const loop = readInto([], consumer);
    await rig.process.sleep(3000);
    const sizes = counting(rig);
    await rig.process.sleep(10_000);
    assert.deepEqual([...new Set(sizes)], [3]);
    assert.isBelow(sizes.length, 22);
    consumer.seek(0, 0);
    await rig.process.sleep(2000);
    assert.include(sizes, 1);
    sizes.length = 0;
    await rig.process.sleep(10_000);
    assert.deepEqual([...new Set(sizes)], [3]);
    assert.isBelow(sizes.length, 22);
    await consumer.close();
    await loop;
  }));

test("a loop to the end comes there where the last offsets hold nothing, and is not hot meanwhile", async () => {
  for (const release of ["0.9.0.1", "4.4.0"]) {
    await play({ release, topics: { t: { partitions: 2 } } }, async (rig) => {
      await filled(rig, ["a", "b", "c"]);
      await filled(rig, ["x"], 1);
      const { log } = rig.cluster.partition("t", 0);
      (log.stored as unknown[]).splice(1, 2); // compacted away
      const sizes = counting(rig);
      const seen: string[] = [];
      const consumer = await reading(rig, { until: "end" });
      await readInto(seen, consumer);
      assert.deepEqual(seen.sort(), ["a", "x"], release);
      assert.deepEqual([...consumer.positions], [[0, 3], [1, 1]]);
      assert.isBelow(rig.process.now(), 5000);
      assert.isBelow(sizes.length, 12);
      // One that goes on for ever waits there for what comes, without haste.
      const patient = await reading(rig, { partitions: [0] });
      const loop = readInto(seen, patient);
      await rig.process.sleep(2000);
      sizes.length = 0;
      await rig.process.sleep(10_000);
      assert.isBelow(sizes.length, 40);
      await filled(rig, ["d"]);
      await rig.process.sleep(2000);
      assert.deepEqual(seen.slice(2), ["a", "d"]);
      await patient.close();
      await loop;
    });
  }
});

test("a broker that says at once that there is nothing, where its log goes on, is not asked in a hot loop", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b"]);
    const consumer = await reading(rig);
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(1000);
    let asked = 0;
    const undo = rig.cluster.control(fetch, ({ body }) => {
      asked++;
      const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 9, records: new Uint8Array(0) }];
      return { responses: body.topics.map(({ topic, topicId }) => ({ topic, topicId, partitions })) };
    }, Infinity);
    await rig.process.sleep(10_000);
    assert.isBelow(asked, 25);
    undo();
    await filled(rig, ["c"]);
    await rig.process.sleep(2000);
    assert.deepEqual(seen, ["a", "b", "c"]);
    await consumer.close();
    await loop;
  }));

/** A client whose next read is garbage as often as is said. */
async function garbling(rig: Rig) {
  const garble = { times: 0 };
  const plain = dialOf(rig.network, rig.process);
  const dial: Dial = async (address, options) => {
    const transport = await plain(address, options);
    return {
      read: async (into, atLeast) => {
        const count = await transport.read(into, atLeast);
        if (count !== null && garble.times > 0) {
          garble.times--;
          into.fill(0xff, 0, 4);
        }
        return count;
      },
      write: (chunks) => transport.write(chunks),
      close: () => transport.close(),
    };
  };
  return { garble, client: await rig.connect({ dial }) };
}

test("an answer that nobody can understand is an accident of its connection, until it comes again and again", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b"]);
    const { garble, client } = await garbling(rig);
    const consumer = (await client.topic("t")).simpleConsumer();
    const seen: string[] = [];
    const loop = failure(readInto(seen, consumer));
    await rig.process.sleep(2000);
    const once = rig.cluster.control(fetch, () => {
      garble.times = 1;
      once();
      return undefined;
    }, Infinity);
    await rig.process.sleep(2000);
    await filled(rig, ["c"]);
    await rig.process.sleep(2000);
    assert.deepEqual(seen, ["a", "b", "c"]);
    const always = rig.cluster.control(fetch, () => {
      garble.times = 1;
      return undefined;
    }, Infinity);
    const error = await loop;
    assert.deepEqual([error.code, error.partition], ["PROTOCOL_ERROR", 0]);
    always();
    garble.times = 0;
    await filled(rig, ["d"]);
    const again = readInto(seen, consumer);
    await rig.process.sleep(5000);
    assert.deepEqual(seen, ["a", "b", "c", "d"]);
    await consumer.close();
    await again;
    await client.close();
  }));

test("where the leader has moved the new one is asked as soon as it is known", () =>
  play({ brokers: 2, topics: { t: { partitions: 2, replicationFactor: 2 } } }, async (rig) => {
    await filled(rig, ["a"]);
    const consumer = await reading(rig, { maxWaitMs: LONG_MS });
    const seen: string[] = [];
    const loop = readInto(seen, consumer);
    await rig.process.sleep(1000);
    const { leader } = rig.cluster.partition("t", 0);
    rig.cluster.moveLeader("t", 0, 3 - leader);
    await filled(rig, ["b"]);
    await rig.process.sleep(1500);
    assert.deepEqual(seen, ["a", "b"]);
    await consumer.close();
    await loop;
  }));
