/** Throttling by embedded brokers: since 2.0 the answer comes at once and silence after it, before it comes late (KIP-219). */

import { assert } from "chai";
import { fetch } from "../../../src/protocol/fetch.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { simulated } from "../base/simulated.ts";
import { play, texts } from "../client/rig.ts";
import { batch, Line, record } from "./line.ts";

const ALL = { topics: null };
const NEW = "2.8.2", OLD = "1.1";
const VALUE = "v".repeat(3000);

async function body() {
  const records = await batch(2, [record(VALUE)]);
  return { acks: -1, timeoutMs: 1000, topicData: [{ name: "t", partitionData: [{ index: 0, records }] }] };
}

function fetchFrom(fetchOffset: number) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }];
  return { maxWaitMs: 0, minBytes: 1, topics: [{ topic: "t", partitions }] };
}

for (const release of [NEW, OLD]) {
  test(`produce over its quota on ${release}`, async () => {
    await simulated(async (world) => {
      const cluster = await Cluster.start({ world, release, topics: { t: {} } });
      const lift = cluster.throttle({ clientId: "line", produceBytes: 1000 });
      const line = await Line.to(cluster);
      const began = world.now();
      const answer = await line.ask(produce, 5, await body());
      assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0);
      assert.closeTo(answer.throttleTimeMs, 2100, 100);
      assert.closeTo(world.now() - began, release === NEW ? 0 : answer.throttleTimeMs, 1);
      assert.equal((await line.ask(metadata, 5, ALL)).throttleTimeMs, 0);
      assert.closeTo(world.now() - began, answer.throttleTimeMs, 1);
      lift();
      assert.equal((await line.ask(produce, 5, await body())).throttleTimeMs, 0);
      line.close();
      await cluster.close();
    });
  });

  test(`fetch over its quota on ${release}`, async () => {
    await simulated(async (world) => {
      const cluster = await Cluster.start({ world, release, topics: { t: {} } });
      const line = await Line.to(cluster);
      for (let i = 0; i < 2; i++) await line.ask(produce, 5, await body());
      cluster.throttle({ fetchBytes: 2000 });
      const sizes: number[] = [], waits: number[] = [], times: number[] = [];
      for (let i = 0; i < 3; i++) {
        const { responses, throttleTimeMs } = await line.ask(fetch, 6, fetchFrom(1));
        sizes.push(responses[0]?.partitions[0]?.records?.length ?? 0);
        waits.push(throttleTimeMs);
        times.push(world.now());
      }
      const size = sizes[0]!;
      assert.isAbove(size, 3000);
      if (release === NEW) {
        assert.deepEqual(sizes, [size, 0, size], "who is throttled gets nothing");
        assert.deepEqual(waits, [0, Math.ceil(size / 2), 0]);
        assert.closeTo(times[2]! - times[1]!, waits[1]!, 1);
      } else {
        assert.deepEqual(sizes, [size, size, size]);
        assert.closeTo(waits[0]!, (size - 2000) / 2, 1);
        assert.closeTo(waits[1]!, size / 2, 1);
        assert.closeTo(times[1]! - times[0]!, waits[1]!, 1);
      }
      line.close();
      await cluster.close();
    });
  });
}

test("requests have a quota each client by itself, and a client's own goes before the common one", async () => {
  await simulated(async (world) => {
    const cluster = await Cluster.start({ world, topics: { t: {} } });
    cluster.throttle({ requests: 2 });
    const lift = cluster.throttle({ clientId: "line", requests: 4 });
    const [line, other] = [await Line.to(cluster), await Line.to(cluster)];
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) waits.push((await line.ask(metadata, 9, ALL)).throttleTimeMs);
    assert.deepEqual(waits, [0, 0, 0, 0, 250]);
    assert.equal((await other.ask(metadata, 9, ALL)).throttleTimeMs, 500, "the client is the same, and its name");
    lift();
    await world.sleep(10_000);
    assert.equal((await other.ask(metadata, 9, ALL)).throttleTimeMs, 0);
    for (const each of [line, other]) each.close();
    await cluster.close();
  });
});

test("what ends a cluster ends the silence too", async () => {
  await simulated(async (world) => {
    const cluster = await Cluster.start({ world });
    cluster.throttle({ requests: 0.001 });
    const line = await Line.to(cluster);
    await line.ask(metadata, 9, ALL);
    await line.ask(metadata, 9, ALL);
    await line.send(metadata, 9, ALL);
    await world.sleep(1000);
    const now = world.now();
    await cluster.close();
    assert.closeTo(world.now(), now, 1);
    line.close();
  });
});

test("a quota that limits nothing is refused", async () => {
  const cluster = await Cluster.start();
  for (const quota of [{}, { clientId: "a" }, { requests: 0 }, { fetchBytes: NaN }, { bytes: 5 }]) {
    assert.throws(() => cluster.throttle(quota), "INVALID_OPTION");
  }
  await cluster.close();
});

for (const release of ["0.11.0.3", OLD, NEW, "4.4.0"]) {
  test(`our client keeps quiet while ${release} throttles it, and loses nothing`, () =>
    play({ release, strict: true, topics: { t: {} } }, async ({ cluster, client, process }) => {
      cluster.throttle({ produceBytes: 20_000, fetchBytes: 20_000 });
      const topic = await client.topic("t");
      const producer = topic.producer();
      const sent = Array.from({ length: 30 }, (_, i) => `${i} ${VALUE}`);
      const began = process.now();
      for (const value of sent) await producer.produce(value);
      assert.isAbove(process.now() - began, 2500);
      assert.deepEqual(await texts(cluster), sent);
      const got: string[] = [];
      const consumer = topic.simpleConsumer({ until: "end" });
      for await (const message of consumer) got.push(message.text());
      assert.deepEqual(got, sent);
    }));
}
