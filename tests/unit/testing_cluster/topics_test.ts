/** How topics are made and deleted in the embedded cluster. */

import { assert } from "chai";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { deleteTopics } from "../../../src/protocol/delete_topics.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { Line, onLine } from "./line.ts";

interface Wanted {
  name?: string;
  numPartitions?: number;
  replicationFactor?: number;
  assignments?: { partitionIndex: number; brokerIds: number[] }[];
  configs?: { name: string; value: string | null }[];
}

const topic = (more: Wanted = {}) => {
  return { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more };
};

async function make(line: Line, version: number, ...wanted: Wanted[]) {
  return (await line.ask(createTopics, version, { topics: wanted.map(topic), timeoutMs: 1000 })).topics;
}

test("topics are made in every version", async () => {
  const cluster = await Cluster.start({ brokers: 3, release: "3.9" });
  await onLine(cluster, async (line) => {
    for (let version = 0; version <= 7; version++) {
      const name = `t${version}`;
      const configs = [{ name: "max.message.bytes", value: "5000" }];
      const [made] = await make(line, version, { name, numPartitions: 4, replicationFactor: 2, configs });
      assert.deepEqual([made!.name, made!.errorCode], [name, 0]);
      const there = cluster.topics.get(name)!;
      assert.deepEqual(there.partitions.map(({ replicas }) => replicas.length), [2, 2, 2, 2]);
      assert.deepEqual(new Set(there.partitions.map(({ leader }) => leader)), new Set([1, 2, 3]));
      if (version >= 5) {
        assert.deepEqual([made!.numPartitions, made!.replicationFactor], [4, 2]);
        assert.deepEqual(made!.configs!.map(({ name, value }) => [name, value]), [["max.message.bytes", "5000"]]);
      }
      if (version >= 7) assert.equal(made!.topicId, there.id);
    }
  });
});

test("what cannot be made is told by its error, and the rest is made", async () => {
  const cluster = await Cluster.start({ brokers: 2, topics: { there: {}, "a.b": {} } });
  await onLine(cluster, async (line) => {
    const assigned = (...brokerIds: number[][]) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments: brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids })),
    });
    const cases: [Wanted, number][] = [
      [{ name: "there" }, 36],
      [{ name: "" }, 17],
      [{ name: ".." }, 17],
      [{ name: "a/b" }, 17],
      [{ name: "x".repeat(250) }, 17],
      [{ name: "a_b" }, 17],
      [{ name: "p0", numPartitions: 0 }, 37],
      [{ name: "p-2", numPartitions: -2 }, 37],
      [{ name: "r0", replicationFactor: 0 }, 38],
      [{ name: "r3", replicationFactor: 3 }, 38],
      [{ name: "c1", configs: [{ name: "no.such", value: "1" }] }, 40],
      [{ name: "c2", configs: [{ name: "retention.ms", value: "soon" }] }, 40],
      [{ name: "c3", configs: [{ name: "retention.ms", value: null }] }, 40],
      [{ name: "a1", ...assigned([1, 1]) }, 39],
      [{ name: "a2", ...assigned([1], [3]) }, 39],
      [{ name: "a3", ...assigned([1], [1, 2]) }, 39],
      [{ name: "a4", ...assigned([1]), numPartitions: 1 }, 42],
      [{ name: "fine", ...assigned([2, 1], [1, 2]) }, 0],
      [{ name: "default", numPartitions: -1, replicationFactor: -1 }, 0],
      [{ name: "twice" }, 42],
    ];
    const made = await make(line, 7, { name: "twice" }, ...cases.map(([wanted]) => wanted));
    assert.deepEqual(
      made.map(({ name, errorCode }) => [name, errorCode]),
      cases.map(([{ name }, code]) => [name!, code]),
    );
    assert.isString(made[0]!.errorMessage);
    assert.deepEqual(cluster.topics.get("fine")!.partitions.map(({ leader }) => leader), [2, 1]);
    assert.deepEqual([...cluster.topics.keys()], ["there", "a.b", "fine", "default"]);
  });
});

test("numbers have no default before 2.4", async () => {
  await onLine(await Cluster.start({ release: "1.1" }), async (line) => {
    assert.equal((await make(line, 2, { numPartitions: -1 }))[0]!.errorCode, 37);
    assert.equal((await make(line, 2, { replicationFactor: -1 }))[0]!.errorCode, 38);
  });
});

test("a trial makes nothing", async () => {
  const cluster = await Cluster.start();
  await onLine(cluster, async (line) => {
    const trial = await line.ask(createTopics, 5, { topics: [topic()], timeoutMs: 1000, validateOnly: true });
    assert.equal(trial.topics[0]!.errorCode, 0);
    assert.equal(cluster.topics.size, 0);
  });
});

test("topics are deleted by name and by id", async () => {
  const topics = Object.fromEntries(["0", "1", "2", "3", "4", "5", "6", "id"].map((name) => [name, {}]));
  const cluster = await Cluster.start({ topics, release: "2.8.2" });
  await onLine(cluster, async (line) => {
    for (let version = 0; version <= 5; version++) {
      const { responses } = await line.ask(deleteTopics, version, {
        topicNames: [`${version}`, "none"],
        timeoutMs: 1000,
      });
      assert.deepEqual(responses.map(({ name, errorCode }) => [name, errorCode]), [[`${version}`, 0], ["none", 3]]);
    }
    const topicId = cluster.topics.get("id")!.id;
    const unknown = "01234567-89ab-cdef-0123-456789abcdef";
    const none = "00000000-0000-0000-0000-000000000000";
    const { responses } = await line.ask(deleteTopics, 6, {
      topics: [
        { name: "6", topicId: none },
        { name: null, topicId },
        { name: null, topicId: unknown },
        { name: "x", topicId: unknown },
        { name: null, topicId: none },
      ],
      timeoutMs: 1000,
    });
    assert.deepEqual(responses.map(({ errorCode }) => errorCode), [0, 0, 100, 42, 42]);
    assert.deepEqual([responses[1]!.name, responses[1]!.topicId], ["id", topicId]);
    assert.equal(cluster.topics.size, 0);
  });
});

test("with ZooKeeper only the controller makes and deletes topics, with KRaft any broker is asked", async () => {
  for (const [release, errorCode] of [["2.8.2", 41], ["4.4.0", 0]] as const) {
    const cluster = await Cluster.start({ brokers: 2, release });
    const line = await Line.to(cluster, 2);
    assert.equal((await make(line, 5, {}))[0]!.errorCode, errorCode);
    const gone = await line.ask(deleteTopics, 4, { topicNames: ["t"], timeoutMs: 1000 });
    assert.equal(gone.responses[0]!.errorCode, errorCode);
    line.close();
    await cluster.close();
  }
});

test("a topic that is made again has another id and an empty log", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  const before = cluster.topics.get("t")!.id;
  cluster.deleteTopic("t");
  await cluster.createTopic("t");
  assert.notEqual(cluster.topics.get("t")!.id, before);
  await cluster.close();
});

test("there are no groups", async () => {
  await onLine(await Cluster.start(), async (line) => {
    for (let version = 0; version <= 5; version++) {
      const { errorCode, groups } = await line.ask(listGroups, version, {});
      assert.deepEqual([errorCode, groups], [0, []]);
    }
  });
});
