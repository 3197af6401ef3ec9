/** Partitioners: each hash against the clients that it matches, what each does without a key, and a user's own. */

import { assert } from "chai";
import type { TopicInfo } from "../../../src/cluster/snapshot.ts";
import { PartitionChooser } from "../../../src/producer/choosing.ts";
import {
  groupHashing,
  type KeyHash,
  type Partitioner,
  type PartitionerName,
  partitionerNames,
  partitionOfKey,
} from "../../../src/producer/partitioner.ts";
import { SimulatedWorld } from "../../../src/testing/world.ts";
import { test } from "../../harness.ts";
import { failure, play, thrown } from "../client/rig.ts";
import stored from "./partitions.json" with { type: "json" };

const hashes: readonly KeyHash[] = ["murmur2", "crc32", "fnv1a", "pykafka"];

const vectors = stored.vectors.map(({ hex, ...partitions }) => ({
  key: Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)),
  partitions,
}));

/** A topic whose partitions have these leaders. */
function topicOf(leaders: readonly number[]): TopicInfo {
  const partitions = leaders.map((leader, partition) => ({
    ...{ partition, leader, leaderEpoch: 0, replicas: [], inSyncReplicas: [], offlineReplicas: [] },
  }));
  return { name: "t", id: undefined, internal: false, partitions };
}

/** Chooses for messages with a key or without, one after the other. */
function choosing(partitioner: PartitionerName | Partitioner, topic: TopicInfo, seed = 1) {
  const world = new SimulatedWorld(seed).process("producer");
  const chooser = new PartitionChooser(world, { partitioner, stickyBytes: 1000, unavailableAfterMs: Infinity });
  return (key: string | Uint8Array | null, now = topic) =>
    chooser.choose({ ...{ topic: "t", partition: undefined, value: null, headers: [], timestamp: 0 }, key }, now, []);
}

for (const hash of hashes) {
  test(`${hash}: every key goes to the partition that its clients chose`, () => {
    assert.isAbove(vectors.length, 30);
    for (const { key, partitions } of vectors) {
      stored.counts.forEach((count, i) => {
        const what = `${key.join(" ")} of ${count}`;
        assert.equal(partitionOfKey(key, count, hash), partitions[hash][i], what);
        if (count < 1000 && key.length > 0) {
          assert.equal(choosing(hash, topicOf(Array(count).fill(1)))(key), partitions[hash][i]);
        }
      });
    }
  });
}

test("a text key is its UTF-8, however long it is; the hash is Java's if not said", () => {
  for (const text of ["foo", "schlüssel-☃-😀", "ü".repeat(3000)]) {
    const bytes = new TextEncoder().encode(text);
    for (const hash of hashes) assert.equal(partitionOfKey(text, 16, hash), partitionOfKey(bytes, 16, hash));
    assert.equal(partitionOfKey(text, 16), partitionOfKey(text, 16, "murmur2"));
  }
  // From PyKafka's own documentation of its behaviour.
  assert.deepEqual([partitionOfKey("foo", 16, "pykafka"), partitionOfKey("foo", 3, "pykafka")], [3, 2]);
});

test("a key goes to its partition though that has no leader, a message without one elsewhere", () => {
  const dead = topicOf([-1, -1, -1, 7]);
  for (const hash of hashes) {
    const choose = choosing(hash, dead);
    assert.equal(choose("foo"), partitionOfKey("foo", 4, hash));
    if (hash !== "pykafka") assert.equal(choose(null), 3);
  }
});

test("an empty key is a key, but to crc32 as to librdkafka's consistent_random; PyKafka's refuses to have none", () => {
  const topic = topicOf([-1, 7, -1, -1]);
  for (const empty of ["", new Uint8Array()]) {
    assert.equal(choosing("murmur2", topic)(empty), partitionOfKey("", 4, "murmur2"));
    assert.equal(choosing("fnv1a", topic)(empty), partitionOfKey("", 4, "fnv1a"));
    assert.equal(choosing("pykafka", topic)(empty), partitionOfKey("", 4, "pykafka"));
    assert.equal(choosing("crc32", topic)(empty), 1);
  }
  assert.notEqual(partitionOfKey("", 4, "fnv1a"), 1);
  const error = thrown(() => choosing("pykafka", topic)(null));
  assert.equal(error.code, "INVALID_OPTION");
  assert.match(error.message, /pykafka needs a key/);
});

test("roundRobin counts through the partitions that have a leader, from one drawn by chance, whatever the key", () => {
  const topic = topicOf([1, 2, -1, 1]);
  const choose = choosing("roundRobin", topic);
  const order = Array.from({ length: 7 }, (_, i) => choose(i % 2 ? "same" : null));
  const at = [0, 1, 3].indexOf(order[0]!);
  assert.deepEqual(order, Array.from({ length: 7 }, (_, i) => [0, 1, 3][(at + i) % 3]!));
  const none = choosing("roundRobin", topicOf([-1, -1]));
  assert.deepEqual([none(null) + none(null), none(null) + none(null)], [1, 1], "without a leader all of them");
  const firsts = Array.from({ length: 30 }, (_, seed) => choosing("roundRobin", topic, seed + 1)(null));
  assert.sameMembers([...new Set(firsts)], [0, 1, 3]);
  // More partitions, and fewer.
  choose(null, topicOf(Array(9).fill(1)));
  assert.isBelow(choose(null, topicOf([1, 1])), 2);
});

test("random draws each as likely among those that have a leader, one draw as good as another", () => {
  const choose = choosing("random", topicOf([1, -1, 2, -1, -1, -1, -1, 3]));
  const counts = new Map<number, number>();
  for (let i = 0; i < 3000; i++) {
    const partition = choose("same");
    counts.set(partition, (counts.get(partition) ?? 0) + 1);
  }
  assert.sameMembers([...counts.keys()], [0, 2, 7]);
  for (const count of counts.values()) assert.closeTo(count, 1000, 150);
  assert.include([0, 1], choosing("random", topicOf([-1, -1]))(null));
});

test("sticky looks at no key", () => {
  const choose = choosing("sticky", topicOf([1, 1, 1, 1, 1, 1, 1, 1]));
  assert.lengthOf(new Set(["a", "b", "c", "d", "e", null].map((key) => choose(key))), 1);
});

test("groupHashing puts a key to one of as many partitions next to each other, each as likely, as PyKafka's", () => {
  for (const [size, count] of [[1, 16], [2, 16], [4, 16], [16, 16], [1, 1]] as const) {
    const choose = choosing(groupHashing((key) => -key.length, size), topicOf(Array(count).fill(1)));
    const chosen = new Map<number, number>();
    for (let i = 0; i < 200 * size; i++) chosen.set(choose("abc"), (chosen.get(choose("abc")) ?? 0) + 1);
    // |hash + n| for n from 0 up to the size, as Python has it: from a hash below zero it folds.
    const allowed = new Set(Array.from({ length: size }, (_, n) => Math.abs(-3 + n) % count));
    assert.sameMembers([...chosen.keys()], [...allowed], `${size} of ${count}`);
  }
  const named = choosing(groupHashing("pykafka", 2), topicOf(Array(16).fill(1)));
  assert.sameMembers([...new Set(Array.from({ length: 50 }, () => named("foo")))], [3, 4]);
});

test("groupHashing refuses what PyKafka refuses", () => {
  for (const size of [0, -1, 1.5, NaN]) {
    assert.equal(thrown(() => groupHashing("pykafka", size)).code, "INVALID_OPTION");
  }
  assert.equal(thrown(() => groupHashing(undefined as never)).code, "INVALID_OPTION");
  assert.equal(thrown(() => groupHashing("sha1" as never)).code, "INVALID_OPTION");
  const choose = choosing(groupHashing("murmur2", 3), topicOf([1, 1]));
  assert.match(thrown(() => choose("k")).message, /at most the number of partitions, 2/);
  assert.match(thrown(() => choose(null)).message, /needs a key/);
});

test("a user's function is given the message, the count, who has a leader and chance; undefined leaves it to sticky", () => {
  const seen: unknown[] = [];
  const mine: Partitioner = ({ key }, count, { available, random }) => {
    seen.push([key, count, available.join(), random() < 1]);
    return key === null ? undefined : available.at(-1);
  };
  const choose = choosing(mine, topicOf([1, 1, 2, -1]));
  assert.equal(choose("k"), 2);
  assert.include([0, 1, 2], choose(null));
  assert.equal(choose("k", topicOf([-1, 1])), 1);
  assert.deepEqual(seen, [["k", 4, "0,1,2", true], [null, 4, "0,1,2", true], ["k", 2, "1", true]]);
});

test("a producer takes partitioners by their names, and says which there are", () =>
  play({ topics: { t: { partitions: 7 } } }, async ({ client }) => {
    const topic = await client.topic("t");
    const keys = ["a", "b", "c", "d", "e", "f"];
    for (const hash of hashes) {
      const deliveries = await topic.producer({ partitioner: hash }).produce(keys.map((key) => ({ key })));
      assert.deepEqual(deliveries.map(({ partition }) => partition), keys.map((key) => partitionOfKey(key, 7, hash)));
    }
    const spread = await topic.producer({ partitioner: "roundRobin" }).produce(Array(7).fill({ key: "same" }));
    assert.lengthOf(new Set(spread.map(({ partition }) => partition)), 7);
    const error = await failure(topic.producer({ partitioner: "pykafka" }).produce("no key"));
    assert.deepEqual([error.code, error.topic, error.persisted], ["INVALID_OPTION", "t", "no"]);
    const wrong = thrown(() => topic.producer({ partitioner: "consistent_random" as never }));
    for (const name of partitionerNames) assert.include(wrong.message, `"${name}"`);
  }));
