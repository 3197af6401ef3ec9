/** The simple consumer on an embedded cluster: what it gives, where it begins, goes on and ends. */

import { assert } from "chai";
import { releaseNames } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig, thrown } from "../client/rig.ts";
import { filled as produced, reading } from "./reader.ts";

/** All messages up to the end, as `partition:offset:text`. */
async function all(consumer: AsyncIterable<{ partition: number; offset: number; text(): string }>): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of consumer) seen.push(`${message.partition}:${message.offset}:${message.text()}`);
  return seen;
}

/** In one batch, as far as it goes. */
const filled = (rig: Pick<Rig, "client">, values: readonly string[], partition = 0) =>
  produced(rig, values, partition, { lingerMs: 5 });

test("on every release a loop to the end gives everything once, ends, and closes the consumer", async () => {
  for (const release of releaseNames) {
    await play({ release, brokers: 2, topics: { t: { partitions: 3 } } }, async (rig) => {
      await filled(rig, ["a", "b"]);
      await filled(rig, ["c"], 2);
      const consumer = await reading(rig, { until: "end" });
      assert.deepEqual((await all(consumer)).sort(), ["0:0:a", "0:1:b", "2:0:c"], release);
      assert.deepEqual([...consumer.positions], [[0, 2], [1, 0], [2, 1]]);
      assert.deepEqual(await all(consumer), []);
      assert.equal((await failure(consumer.start())).code, "CLOSED");
    });
  }
});

test("an empty topic ends at once", () =>
  play({ topics: { t: { partitions: 4 } } }, async (rig) => {
    assert.deepEqual(await all(await reading(rig, { until: "end" })), []);
  }));

test("it begins at an offset, at the end, or at a time", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c", "d"]);
    assert.deepEqual(await all(await reading(rig, { from: 2, until: "end" })), ["0:2:c", "0:3:d"]);
    assert.deepEqual(await all(await reading(rig, { from: "latest", until: "end" })), []);
    const from = new Date(1001);
    assert.deepEqual(await all(await reading(rig, { from, until: "end" })), ["0:1:b", "0:2:c", "0:3:d"]);
    assert.deepEqual(await all(await reading(rig, { from: new Date(9999), until: "end" })), []);
  }));

test("a time cannot be asked for before 0.10.1", () =>
  play({ release: "0.9.0.1" }, async (rig) => {
    const consumer = await reading(rig, { from: new Date(5) });
    assert.equal((await failure(consumer.start())).code, "UNSUPPORTED_FEATURE");
    assert.equal((await failure(all(consumer))).code, "UNSUPPORTED_FEATURE");
    await consumer.close();
  }));

test("a message is finished when the next is asked for; a loop that is left goes on behind the one in hand", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c", "d", "e"]);
    const consumer = await reading(rig, { until: "end" });
    const positions: (number | undefined)[] = [];
    for await (const message of consumer) {
      positions.push(consumer.positions.get(0));
      if (message.text() === "c") break;
    }
    assert.deepEqual(positions, [0, 1, 2]);
    assert.equal(consumer.positions.get(0), 2);
    assert.deepEqual(await all(consumer), ["0:3:d", "0:4:e"]);
  }));

test("batches have what is left of them; both kinds of loop share one place", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c"]);
    await filled(rig, ["d"]);
    const consumer = await reading(rig, { until: "end" });
    for await (const message of consumer) if (message.text() === "a") break;
    const seen: unknown[] = [];
    for await (const batch of consumer.batches()) {
      const { topic, partition, baseOffset, lastOffset, count, highWatermark } = batch;
      assert.deepEqual([topic, partition, highWatermark], ["t", 0, 4]);
      const texts = [...batch].map((message) => message.text());
      assert.deepEqual([...batch].map((message) => message.text()), texts);
      seen.push([baseOffset, lastOffset, count, texts.join("")]);
    }
    assert.deepEqual(seen, [[1, 2, 2, "bc"], [3, 3, 1, "d"]]);
    assert.equal(consumer.positions.get(0), 4);
  }));

test("several who ask at once get different messages, in order", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c", "d"]);
    const consumer = await reading(rig);
    const [one, other] = [consumer[Symbol.asyncIterator](), consumer[Symbol.asyncIterator]()];
    const given = await Promise.all([one.next(), other.next(), one.next(), other.next()]);
    assert.deepEqual(given.map(({ value }) => value?.text()), ["a", "b", "c", "d"]);
    await consumer.close();
  }));

test("a partition that is paused in the middle of a batch goes on where it was", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, ["a", "b", "c"]);
    await filled(rig, ["x", "y"], 1);
    const consumer = await reading(rig, { until: "end" });
    const seen: string[] = [];
    for await (const message of consumer) {
      seen.push(message.text());
      if (message.text() === "a") consumer.pause([0]);
      if (message.text() === "y") consumer.resume();
    }
    const after = seen.slice(seen.indexOf("a") + 1);
    assert.isBelow(after.indexOf("y"), after.indexOf("b"));
    assert.deepEqual([...seen].sort(), ["a", "b", "c", "x", "y"]);
    assert.equal(thrown(() => consumer.pause([7])).code, "INVALID_OPTION");
  }));

test("what paused partitions hold does not keep the others from being fetched", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    const long = Array.from({ length: 10 }, (_, i) => `${i}`.padEnd(300, "."));
    for (const partition of [0, 1]) for (const value of long) await filled(rig, [value], partition);
    const consumer = await reading(rig, { bufferBytes: 1, partitionBytes: 1000, until: "end" });
    const seen = [0, 0];
    for await (const { partition } of consumer) {
      seen[partition]!++;
      if (seen[0] === 1) consumer.pause([0]);
      if (seen[1] === 10) consumer.resume();
    }
    assert.deepEqual(seen, [10, 10]);
  }));

test("what lies behind the end of one partition does not keep the others from being fetched", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, ["a"], 0);
    for (let i = 0; i < 10; i++) await filled(rig, [`${i}`], 1);
    const consumer = await reading(rig, { until: "end", bufferBytes: 1, partitionBytes: 100_000 });
    const seen: string[] = [];
    for await (const message of consumer) {
      // More comes behind the end that was asked for, and is fetched, but never read.
      if (seen.push(message.text()) === 1) await filled(rig, ["late"], message.partition);
    }
    assert.lengthOf(seen, 11);
    assert.notInclude(seen, "late");
  }));

test("seek goes anywhere, in the middle of a batch and while a fetch is under way", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b", "c", "d"]);
    const consumer = await reading(rig);
    assert.equal(thrown(() => consumer.seek(0, 1)).code, "INVALID_OPTION");
    await consumer.start();
    assert.equal(consumer.positions.get(0), 0);
    assert.equal(thrown(() => consumer.seek(0, -1)).code, "INVALID_OPTION");
    const places = [2, "earliest", new Date(1003), 1, "latest"] as const;
    const seen: string[] = [];
    let next = 0;
    const loop = (async () => {
      for await (const message of consumer) {
        seen.push(message.text());
        if (next < places.length) consumer.seek(0, places[next++]!);
      }
    })();
    await rig.process.sleep(4000);
    assert.deepEqual(seen, ["a", "c", "a", "d", "b"]);
    await filled(rig, ["e"]);
    await rig.process.sleep(1000);
    assert.deepEqual(seen.slice(5), ["e"]);
    await consumer.close();
    await loop;
  }));

test("a seek behind the end wakes a loop that had only that to wait for", () =>
  play({}, async (rig) => {
    await filled(rig, ["a", "b"]);
    const consumer = await reading(rig, { until: "end" });
    await consumer.start();
    consumer.pause();
    const seen = all(consumer);
    await rig.process.sleep(100);
    consumer.seek(0, 2);
    assert.deepEqual(await seen, []);
  }));

test("close ends a loop that waits, and one that is only starting", () =>
  play({}, async (rig) => {
    const consumer = await reading(rig);
    const waiting = all(consumer);
    await rig.process.sleep(700);
    await consumer.close();
    assert.deepEqual(await waiting, []);
    const other = await reading(rig, { until: "end" });
    const starting = all(other);
    const started = failure(other.start());
    await other.close();
    assert.deepEqual(await starting, []);
    assert.equal((await started).code, "CLOSED");
  }));

test("a signal ends loops with its reason, and leaves the consumer as it was", () =>
  play({}, async (rig) => {
    const reason = { name: "mine" };
    const controller = new AbortController();
    const consumer = await reading(rig, { signal: controller.signal });
    let caught: unknown;
    const loop = all(consumer).catch((error) => caught = error);
    await rig.process.sleep(300);
    controller.abort(reason);
    await loop;
    assert.equal(caught, reason);
    await consumer.close();
  }));

test("a consumer that never began takes nothing from others who use the topic", () =>
  play({ brokers: 2, topics: { t: { replicationFactor: 2 } } }, async (rig) => {
    const producer = (await rig.client.topic("t")).producer();
    await producer.produce("a");
    await (await reading(rig)).close();
    rig.cluster.moveLeader("t", 0, rig.cluster.partition("t", 0).replicas[1]!);
    await producer.produce("b");
    assert.isBelow(rig.process.now(), 10_000);
  }));

test("one consumer's long polls hold up no other consumer of the client", () =>
  play({}, async (rig) => {
    const topic = await rig.client.topic("t");
    const consumers = Array.from({ length: 8 }, () => topic.simpleConsumer({ maxWaitMs: 5000 }));
    const first = consumers.map((consumer) => consumer[Symbol.asyncIterator]().next());
    await rig.process.sleep(1000);
    const startedAt = rig.process.now();
    await filled(rig, ["a"]);
    await Promise.all(first);
    assert.isBelow(rig.process.now() - startedAt, 1000);
  }));

test("invalid options are named with what is allowed", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    const topic = await rig.client.topic("t");
    assert.match(thrown(() => topic.simpleConsumer({ from: "first" as never })).message, /from must be "earliest"/);
    assert.match(thrown(() => topic.simpleConsumer({ partitions: [1, 1] })).message, /different whole numbers/);
    const consumer = topic.simpleConsumer({ partitions: [5] });
    const error = await failure(consumer.start());
    assert.equal(error.code, "INVALID_OPTION");
    assert.match(error.message, /t has 2 partitions, from 0; 5 is none of them/);
  }));
