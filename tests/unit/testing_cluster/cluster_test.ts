/** The embedded cluster as a whole: its options, its ends, and what tests can do to it. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import { memoryNetwork } from "../../../src/transport/memory.ts";
import { realWorld } from "../../../src/base/world.ts";
import { test } from "../../harness.ts";
import { batch, Line, onLine, record } from "./line.ts";

async function codeOf(work: () => Promise<unknown> | unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
  return "nothing was thrown";
}

const all = { topics: null };
const waiting = (topic: string) => ({
  maxWaitMs: 60_000,
  minBytes: 1,
  topics: [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
});

test("a cluster has hosts, brokers, a controller and topics", async () => {
  const cluster = await Cluster.start({ brokers: 2, topics: { t: { partitions: 3 } } });
  assert.equal(cluster.hosts, "broker-1:9092,broker-2:9092");
  assert.deepEqual(cluster.brokers[1], { id: 2, host: "broker-2", port: 9092, alive: true, release: "4.4.0" });
  assert.equal(cluster.controllerId, 1);
  assert.equal(cluster.release, "4.4.0");
  assert.match(cluster.clusterId, /^[\w-]{22}$/);
  assert.lengthOf(cluster.topics.get("t")!.partitions, 3);
  await cluster.close();
  await cluster.close();
});

test("options that are not allowed are named", async () => {
  const cases: unknown[] = [{ brokers: 0 }, { release: "3.14" }, { listen: 5 }, { broker: 1 }, { topics: "t" }];
  for (const options of cases) {
    assert.equal(
      await codeOf(() => Cluster.start(options as ClusterOptions)),
      "INVALID_OPTION",
      JSON.stringify(options),
    );
  }
});

test("a cluster that cannot be started leaves nothing", async () => {
  const topics = { "a topic": {} };
  assert.equal(await codeOf(() => Cluster.start({ brokers: 3, topics })), "INVALID_TOPIC_EXCEPTION");
});

test("what cannot be done is told", async () => {
  const cluster = await Cluster.start({ brokers: 2, topics: { t: {} } });
  assert.equal(await codeOf(() => cluster.createTopic("t")), "TOPIC_ALREADY_EXISTS");
  assert.equal(await codeOf(() => cluster.createTopic("a b")), "INVALID_TOPIC_EXCEPTION");
  assert.equal(await codeOf(() => cluster.deleteTopic("u")), "UNKNOWN_TOPIC_OR_PARTITION");
  assert.equal(await codeOf(() => cluster.records("t", 1)), "UNKNOWN_TOPIC_OR_PARTITION");
  assert.equal(await codeOf(() => cluster.moveLeader("t", 0, 3)), "INVALID_OPTION");
  assert.equal(await codeOf(() => cluster.kill(3)), "INVALID_OPTION");
  await cluster.close();
  assert.equal(await codeOf(() => cluster.start(1)), "CLOSED");
});

test("closing ends waiting fetches, connections and everything else", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  const line = await Line.to(cluster);
  await line.send(fetch, 4, waiting("t"));
  const idle = await Line.to(cluster);
  await idle.ask(metadata, 1, all);
  await cluster.close();
  assert.isUndefined(await line.frame());
  assert.isUndefined(await idle.frame());
  assert.equal(await codeOf(() => cluster.dial({ host: "broker-1", port: 9092 })), "CONNECTION_REFUSED");
});

test("a client that goes away during a fetch leaves nothing", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  const line = await Line.to(cluster);
  await line.send(fetch, 4, { ...waiting("t"), maxWaitMs: 5 });
  line.close();
  await cluster.close();
});

test("a killed broker refuses, and has all that it had when it is started again", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  const line = await Line.to(cluster);
  const topicData = [{ name: "t", partitionData: [{ index: 0, records: await batch(2, [record("a")]) }] }];
  await line.ask(produce, 9, { acks: 1, timeoutMs: 1000, topicData });
  await line.send(fetch, 4, { ...waiting("t"), minBytes: 1000 });
  await cluster.kill(1);
  await cluster.kill(1);
  assert.isUndefined(await line.frame());
  assert.equal(await codeOf(() => Line.to(cluster)), "CONNECTION_REFUSED");
  assert.equal(await codeOf(() => cluster.createTopic("u")), "NO_BROKERS");
  await cluster.start(1);
  await cluster.start(1);
  const again = await Line.to(cluster);
  assert.equal((await again.ask(metadata, 1, all)).topics[0]!.partitions[0]!.leaderId, 1);
  assert.equal((await cluster.records("t", 0))[0]!.text(), "a");
  line.close();
  again.close();
  await cluster.close();
});

test("a control answers the next requests of its API, drops them, or ends the connection", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  await onLine(cluster, async (line) => {
    const topics = async () => (await line.ask(metadata, 1, all)).topics.map(({ name }) => name);
    const nothing = { brokers: [], topics: [] };
    cluster.control(metadata, () => nothing);
    assert.deepEqual([await topics(), await topics()], [[], ["t"]]);
    cluster.control(metadata, () => nothing, 2);
    assert.deepEqual([await topics(), await topics(), await topics()], [[], [], ["t"]]);
    const stop = cluster.control(metadata, () => nothing, Infinity);
    assert.deepEqual([await topics(), await topics()], [[], []]);
    stop();
    assert.deepEqual(await topics(), ["t"]);
    cluster.control(metadata, ({ version }) => version === 2 ? nothing : undefined);
    assert.deepEqual(await topics(), ["t"]);
    assert.lengthOf((await line.ask(metadata, 2, all)).brokers, 0);
    cluster.control(metadata, () => "drop");
    await line.send(metadata, 1, all);
    const id = await line.send(metadata, 1, all);
    assert.equal(new DataView((await line.frame())!.slice().buffer).getInt32(0), id);
    cluster.control(metadata, () => "close");
    assert.equal(await line.tryAsk(metadata, 1, all), "closed");
  });
});

test("a control may have the broker do it and still answer otherwise", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  await onLine(cluster, async (line) => {
    const topicData = [{ name: "t", partitionData: [{ index: 0, records: await batch(2, [record("a")]) }] }];
    const body = { acks: 1, timeoutMs: 1000, topicData };
    cluster.control(produce, async ({ broker, clientId, body, answer }) => {
      assert.deepEqual([broker, clientId, body.topicData[0]!.name], [1, "line", "t"]);
      const real = await answer();
      assert.equal(real, await answer());
      assert.isObject(real);
      return "close" as const;
    });
    assert.equal(await line.tryAsk(produce, 9, body), "closed");
    assert.equal(cluster.partition("t", 0).log.endOffset, 1);
  });
});

test("a control may write what it likes into the connection, before an answer or instead of one", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  await onLine(cluster, async (line) => {
    cluster.control(metadata, async ({ write, correlationId }) => {
      const frame = Uint8Array.of(0, 0, 0, 5, 0, 0, 0, correlationId, 77);
      await write(frame.subarray(0, 3));
      await write(frame.subarray(3), frame);
      return "drop" as const;
    });
    const id = await line.send(metadata, 1, all);
    for (let i = 0; i < 2; i++) assert.deepEqual([...(await line.frame())!], [0, 0, 0, id, 77]);
    assert.lengthOf((await line.ask(metadata, 1, all)).topics, 1);
    cluster.control(metadata, async ({ write }) => {
      await write(Uint8Array.of(0, 0, 0, 4, 0));
      return "close" as const;
    });
    let torn: unknown;
    await line.ask(metadata, 1, all).catch((error) => torn = error);
    assert.equal((torn as KafkaError).code, "CONNECTION_RESET");
  });
});

test("a control that throws fails the cluster's close", async () => {
  const cluster = await Cluster.start();
  const line = await Line.to(cluster);
  cluster.control(metadata, () => {
    throw new RangeError("a test's own fault");
  });
  assert.equal(await line.tryAsk(metadata, 1, all), "closed");
  line.close();
  let caught: unknown;
  await cluster.close().catch((error) => caught = error);
  assert.instanceOf(caught, RangeError);
});

test("brokers listen where a door's listen puts them", async () => {
  const { dial, listen } = memoryNetwork(realWorld);
  const cluster = await Cluster.start({ brokers: 2, listen });
  const [first, second] = cluster.brokers;
  assert.equal(cluster.hosts, `127.0.0.1:${first!.port},127.0.0.1:${second!.port}`);
  assert.notEqual(first!.port, second!.port);
  assert.equal(await codeOf(() => cluster.dial({ host: "127.0.0.1", port: first!.port })), "UNSUPPORTED_FEATURE");
  await cluster.kill(2);
  await cluster.start(2);
  assert.equal(cluster.brokers[1]!.port, second!.port);
  const line = await Line.to(cluster, 2, dial);
  assert.lengthOf((await line.ask(metadata, 1, all)).brokers, 2);
  line.close();
  await cluster.close();
});
