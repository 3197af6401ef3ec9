/** What is known of the cluster, answer by answer: what replaces what, and what is kept. */

import { assert } from "chai";
import { learned, nothingKnown, noTopicId, type Snapshot } from "../../../src/cluster/snapshot.ts";
import type { metadata } from "../../../src/protocol/metadata.ts";
import type { Response } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";

type Answer = Response<typeof metadata>;
type TopicAnswer = Answer["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

const ID = "11111111-1111-1111-1111-111111111111";
const OTHER_ID = "22222222-2222-2222-2222-222222222222";
const V12 = 12;

function answer(topics: readonly TopicAnswer[], more: Partial<Answer> = {}): Answer {
  return {
    throttleTimeMs: 0,
    brokers: [{ nodeId: 1, host: "a", port: 9092, rack: null }],
    clusterId: "c",
    controllerId: 1,
    topics: [...topics],
    clusterAuthorizedOperations: -2147483648,
    errorCode: 0,
    ...more,
  };
}

function topic(
  name: string | null,
  partitions: readonly PartitionAnswer[],
  more: Partial<TopicAnswer> = {},
): TopicAnswer {
  return {
    errorCode: 0,
    name,
    topicId: noTopicId,
    isInternal: false,
    partitions: [...partitions],
    topicAuthorizedOperations: -2147483648,
    ...more,
  };
}

function partition(partitionIndex: number, leaderId = 1, leaderEpoch = 0): PartitionAnswer {
  return { errorCode: 0, partitionIndex, leaderId, leaderEpoch, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] };
}

/** The leaders of a topic's partitions, in order. */
function leaders(snapshot: Snapshot, name = "t"): number[] | undefined {
  const partitions = snapshot.topics.get(name)?.partitions;
  partitions?.forEach((info, i) => assert.equal(info.partition, i));
  return partitions?.map(({ leader }) => leader);
}

const learn = (
  known: Snapshot,
  topics: readonly TopicAnswer[],
  asked: readonly string[] | null = null,
  version = V12,
) => learned(known, answer(topics), version, asked);

test("an answer about everything replaces everything", () => {
  const before = learn(nothingKnown, [topic("a", [partition(0)]), topic("b", [], { errorCode: 5 })]);
  assert.deepEqual([...before.topics.keys()], ["a"]);
  assert.deepEqual([...before.errors], [["b", 5]]);
  const after = learn(before, [topic("c", [partition(0)])]);
  assert.deepEqual([...after.topics.keys()], ["c"]);
  assert.equal(after.errors.size, 0);
  assert.deepEqual([...before.topics.keys()], ["a"], "a snapshot never changes");
});

test("an answer about some topics leaves the others alone", () => {
  const before = learn(nothingKnown, [topic("a", [partition(0, 1)]), topic("b", [partition(0, 1)])]);
  const after = learn(before, [topic("a", [partition(0, 2)])], ["a"]);
  assert.deepEqual([leaders(after, "a"), leaders(after, "b")], [[2], [1]]);
  assert.deepEqual(leaders(learn(after, [], []), "a"), [2], "about none");
});

test("a topic that the broker does not know is gone, also one that it leaves out", () => {
  const before = learn(nothingKnown, [topic("a", [partition(0)]), topic("b", [partition(0)])]);
  const after = learn(before, [topic("a", [], { errorCode: 3 })], ["a", "b"]);
  assert.equal(after.topics.size, 0);
  assert.deepEqual([...after.errors], [["a", 3], ["b", 3]]);
});

test("a topic in use that a broker does not know is kept for a while: it may only have been started just now (C10)", () => {
  const grace = (now: number) => ({ now, isInUse: (name: string) => name !== "other" });
  const at = (now: number, before: Snapshot, topics: readonly TopicAnswer[], asked: readonly string[] | null) =>
    learned(before, answer(topics), V12, asked, grace(now));
  const known = ["t", "other"].map((name) => topic(name, [partition(0, 7)]));
  const unknown = topic("t", [], { errorCode: 3 });
  for (const asked of [["t", "other"], null]) {
    for (const said of [[unknown], []]) {
      const before = learn(nothingKnown, known);
      const first = at(1000, before, said, asked);
      assert.deepEqual([leaders(first), first.errors.get("t"), first.missing.get("t")], [[7], undefined, 1000]);
      assert.isFalse(first.topics.has("other"), "nobody uses it");
      const second = at(15_999, first, said, asked);
      assert.deepEqual([leaders(second), second.missing.get("t")], [[7], 1000]);
      const back = at(15_999, first, [topic("t", [partition(0, 8)])], asked);
      assert.deepEqual([leaders(back), back.missing.size], [[8], 0]);
      const gone = at(16_000, second, said, asked);
      assert.deepEqual([gone.topics.has("t"), gone.errors.get("t"), gone.missing.size], [false, 3, 0]);
      const made = learned(first, answer([topic("t", [partition(0, 9)], { topicId: OTHER_ID })]), V12, ["t"], grace(1));
      assert.deepEqual(leaders(made), [9]);
    }
  }
});

test("a topic that could not be described keeps what was known, and the error is told until it heals", () => {
  const before = learn(nothingKnown, [topic("t", [partition(0)])]);
  const failed = learn(before, [topic("t", [], { errorCode: 5 })], ["t"]);
  assert.deepEqual(leaders(failed), [1]);
  assert.equal(failed.errors.get("t"), 5);
  const all = learn(failed, [topic("t", [], { errorCode: 29 })]);
  assert.deepEqual(leaders(all), [1]);
  const healed = learn(failed, [topic("t", [partition(0, 2)])], ["t"]);
  assert.deepEqual(leaders(healed), [2]);
  assert.equal(healed.errors.size, 0);
});

test("a partition's older leader epoch does not replace a newer one", () => {
  const before = learn(nothingKnown, [topic("t", [partition(0, 1, 5), partition(1, 1, 5)], { topicId: ID })]);
  const after = learn(before, [topic("t", [partition(0, 2, 4), partition(1, 2, 6)], { topicId: ID })], ["t"]);
  assert.deepEqual(leaders(after), [1, 2]);
  const same = learn(after, [topic("t", [partition(0, 3, 5), partition(1, 3, 6)], { topicId: ID })], ["t"]);
  assert.deepEqual(leaders(same), [3, 3], "an equal epoch is news");
});

test("a topic that was made anew starts with epochs of its own", () => {
  const before = learn(nothingKnown, [topic("t", [partition(0, 1, 5)], { topicId: ID })]);
  const after = learn(before, [topic("t", [partition(0, 2, 0)], { topicId: OTHER_ID })], ["t"]);
  assert.deepEqual(leaders(after), [2]);
  assert.equal(after.topics.get("t")!.id, OTHER_ID);
});

test("epochs of Metadata before version 9 are not believed (KAFKA-9212)", () => {
  const before = learn(nothingKnown, [topic("t", [partition(0, 1, 5)])], null, 9);
  assert.equal(before.topics.get("t")!.partitions[0]!.leaderEpoch, 5);
  const after = learn(before, [topic("t", [partition(0, 2, 3)])], null, 8);
  assert.deepEqual(leaders(after), [2]);
  assert.equal(after.topics.get("t")!.partitions[0]!.leaderEpoch, -1);
});

test("partitions come in any order and are found by their numbers; of two the last counts", () => {
  const snapshot = learn(nothingKnown, [
    topic("t", [partition(2, 7), partition(0, 5), partition(1, 9), partition(1, 6)]),
  ]);
  assert.deepEqual(leaders(snapshot), [5, 6, 7]);
});

test("a gap has no leader, or the one that was known", () => {
  const gap = [topic("t", [partition(0, 5), partition(2, 7)])];
  assert.deepEqual(leaders(learn(nothingKnown, gap)), [5, -1, 7]);
  const before = learn(nothingKnown, [topic("t", [partition(0), partition(1), partition(2)])]);
  assert.deepEqual(leaders(learn(before, gap)), [5, 1, 7]);
});

test("a topic that is surely the same one loses no partitions to a broker that lags behind", () => {
  const three = [partition(0), partition(1), partition(2)];
  const sure = learn(nothingKnown, [topic("t", three, { topicId: ID })]);
  assert.deepEqual(leaders(learn(sure, [topic("t", [partition(0, 2)], { topicId: ID })])), [2, 1, 1]);
  assert.deepEqual(leaders(learn(sure, [topic("t", [partition(0, 2)], { topicId: OTHER_ID })])), [2]);
  const unsure = learn(nothingKnown, [topic("t", three)]);
  assert.deepEqual(leaders(learn(unsure, [topic("t", [partition(0, 2)])])), [2]);
});

test("numbers that no broker would give cost nothing", () => {
  const odd = [partition(-1, 9), partition(2 ** 31 - 1, 9), partition(0, 1), partition(1_000_000, 9)];
  assert.deepEqual(leaders(learn(nothingKnown, [topic("t", odd)])), [1]);
});

test("a topic without partitions is not described yet: what was known stays, and there is an error that heals", () => {
  for (const none of [[], [partition(-1)]]) {
    const first = learn(nothingKnown, [topic("t", none)], ["t"]);
    assert.deepEqual([leaders(first), first.errors.get("t")], [undefined, 5]);
    const before = learn(first, [topic("t", [partition(0, 2)])], ["t"]);
    assert.deepEqual([leaders(before), before.errors.size], [[2], 0]);
    const after = learn(before, [topic("t", none)], ["t"]);
    assert.deepEqual([leaders(after), after.errors.get("t")], [[2], 5]);
  }
});

test("topics that nobody asked about are passed over", () => {
  const before = learn(nothingKnown, [topic("t", [partition(0)])]);
  const after = learn(before, [topic("t", [partition(0, 2)]), topic("x", [partition(0)]), topic("y", [])], ["t"]);
  assert.deepEqual([[...after.topics.keys()], after.errors.size, leaders(after)], [["t"], 0, [2]]);
});

test("a broker where nobody can be is not known", () => {
  const at = (nodeId: number, host: string, port: number) => ({ nodeId, host, port, rack: null });
  const brokers = [at(1, "a", 0), at(2, "a", -1), at(3, "a", 70_000), at(4, "", 9092), at(5, "a", 65_535)];
  const snapshot = learned(nothingKnown, answer([], { brokers }), V12, null);
  assert.deepEqual([...snapshot.brokers.keys()], [5]);
});

test("a topic without a name is passed over, and no id means none", () => {
  const snapshot = learn(nothingKnown, [topic(null, [partition(0)], { topicId: ID }), topic("t", [partition(0)])]);
  assert.deepEqual([...snapshot.topics.keys()], ["t"]);
  assert.isUndefined(snapshot.topics.get("t")!.id);
});

test("brokers are those of the last answer; the cluster's id stays where an answer has none", () => {
  const before = learned(nothingKnown, answer([], { clusterId: "c", controllerId: 1 }), V12, null);
  const brokers = [{ nodeId: 7, host: "b", port: 1, rack: "r" }];
  const after = learned(before, answer([], { brokers, clusterId: null, controllerId: -1 }), V12, null);
  assert.deepEqual([...after.brokers.values()], [{ id: 7, host: "b", port: 1, rack: "r" }]);
  assert.equal(after.clusterId, "c");
  assert.equal(after.controllerId, -1);
});
