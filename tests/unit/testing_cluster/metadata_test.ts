/** What embedded brokers say of the cluster. */

import { assert } from "chai";
import { metadata } from "../../../src/protocol/metadata.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { NO_ID } from "../../../src/testing/picture.ts";
import { test } from "../../harness.ts";
import { Line, onLine } from "./line.ts";

test("Metadata names the brokers, the controller and every partition's leader, in each version", async () => {
  const cluster = await Cluster.start({ brokers: 3, topics: { t: { partitions: 3, replicationFactor: 2 } } });
  await onLine(cluster, async (line) => {
    for (let version = 0; version <= 13; version++) {
      const answer = await line.ask(metadata, version, { topics: version === 0 ? [] : null });
      assert.deepEqual(answer.brokers.map(({ nodeId, host, port }) => `${nodeId} ${host}:${port}`), [
        "1 broker-1:9092",
        "2 broker-2:9092",
        "3 broker-3:9092",
      ]);
      if (version >= 1) assert.equal(answer.controllerId, 1);
      if (version >= 2) assert.equal(answer.clusterId, cluster.clusterId);
      const [topic] = answer.topics;
      assert.equal(topic!.name, "t");
      assert.equal(topic!.topicId, version >= 10 ? cluster.topics.get("t")!.id : NO_ID);
      assert.deepEqual(topic!.partitions.map(({ errorCode, leaderId }) => [errorCode, leaderId]), [[0, 1], [0, 2], [
        0,
        3,
      ]]);
      assert.deepEqual(topic!.partitions[2]!.replicaNodes, [3, 1]);
      assert.deepEqual(topic!.partitions[2]!.isrNodes, [3, 1]);
      assert.equal(topic!.partitions[0]!.leaderEpoch, version >= 7 ? 0 : -1);
    }
  });
});

test("an empty list of topics means all in version 0 and none later", async () => {
  await onLine(await Cluster.start({ topics: { a: {}, b: {} } }), async (line) => {
    assert.lengthOf((await line.ask(metadata, 0, { topics: [] })).topics, 2);
    assert.lengthOf((await line.ask(metadata, 1, { topics: [] })).topics, 0);
    assert.lengthOf((await line.ask(metadata, 1, { topics: null })).topics, 2);
  });
});

test("unknown and impossible topics have an error each and are not made", async () => {
  const cluster = await Cluster.start({ topics: { a: {} } });
  await onLine(cluster, async (line) => {
    const { topics } = await line.ask(metadata, 4, {
      topics: [{ name: "a" }, { name: "b" }, { name: "no spaces" }],
      allowAutoTopicCreation: true,
    });
    assert.deepEqual(topics.map(({ name, errorCode }) => [name, errorCode]), [["a", 0], ["b", 3], ["no spaces", 17]]);
    assert.deepEqual([...cluster.topics.keys()], ["a"]);
  });
});

test("topics are found by id from version 12 on", async () => {
  const cluster = await Cluster.start({ topics: { a: {} } });
  await onLine(cluster, async (line) => {
    const topicId = cluster.topics.get("a")!.id;
    const unknown = "01234567-89ab-cdef-0123-456789abcdef";
    const ids = { topics: [{ topicId, name: null }, { topicId: unknown, name: null }] };
    const { topics } = await line.ask(metadata, 12, ids);
    assert.deepEqual(topics.map((it) => [it.name, it.topicId, it.errorCode]), [["a", topicId, 0], [
      null,
      unknown,
      100,
    ]]);
    assert.deepEqual((await line.ask(metadata, 11, { topics: [{ topicId, name: "a" }] })).topics[0]!.errorCode, 42);
  });
});

test("0.8.2 lists no broker until the first topic exists", async () => {
  const cluster = await Cluster.start({ brokers: 2, release: "0.8.2.2" });
  await onLine(cluster, async (line) => {
    const before = await line.ask(metadata, 0, { topics: [{ name: "t" }] });
    assert.deepEqual(before, {
      ...before,
      brokers: [],
      topics: [{ ...before.topics[0]!, errorCode: 3, partitions: [] }],
    });
    await cluster.createTopic("t");
    assert.lengthOf((await line.ask(metadata, 0, { topics: [] })).brokers, 2);
  });
});

test("a killed leader is replaced under a new epoch, and its replica is missed until it is back", async () => {
  const cluster = await Cluster.start({ brokers: 2, topics: { t: { replicationFactor: 2 } } });
  const { leader } = cluster.partition("t", 0);
  const other = leader === 1 ? 2 : 1;
  await cluster.kill(leader);
  const line = await Line.to(cluster, other);
  const ask = async (version: number) =>
    (await line.ask(metadata, version, { topics: [{ name: "t" }] })).topics[0]!.partitions[0]!;
  const now = await ask(9);
  assert.deepEqual([now.errorCode, now.leaderId, now.leaderEpoch], [0, other, 1]);
  assert.deepEqual([now.replicaNodes, now.isrNodes, now.offlineReplicas], [[leader, other], [other], [leader]]);
  const old = await ask(0);
  assert.deepEqual([old.errorCode, old.leaderId, old.replicaNodes], [9, other, [other]]);
  assert.deepEqual((await line.ask(metadata, 9, { topics: [] })).brokers.map(({ nodeId }) => nodeId), [other]);
  assert.equal(cluster.controllerId, other);
  await cluster.start(leader);
  const back = await ask(9);
  assert.deepEqual([back.leaderId, back.isrNodes, back.offlineReplicas], [other, [leader, other], []]);
  line.close();
  await cluster.close();
});

test("a partition whose last replica is killed has no leader until it is back", async () => {
  const cluster = await Cluster.start({ brokers: 2, topics: { t: {} } });
  const { leader } = cluster.partition("t", 0);
  await cluster.kill(leader);
  const line = await Line.to(cluster, 3 - leader);
  const ask = async () => (await line.ask(metadata, 9, { topics: [{ name: "t" }] })).topics[0]!.partitions[0]!;
  const now = await ask();
  assert.deepEqual([now.errorCode, now.leaderId, now.isrNodes], [5, -1, [leader]]);
  await cluster.start(leader);
  const back = await ask();
  assert.deepEqual([back.errorCode, back.leaderId, back.leaderEpoch], [0, leader, 2]);
  line.close();
  await cluster.close();
});
