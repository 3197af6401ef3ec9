/** What a consumer with a group has to do on a real cluster of any release: offsets looked up, committed, resumed, and shared with Java. */

import { assert } from "chai";
import { type KafkaClient, KafkaError, type SimpleConsumer, type Topic } from "@samsa/kafka";
import { javaOffsets } from "./java.ts";
import type { RealKafka } from "./launcher.ts";
import { atLeast, withoutZooKeeper } from "./releases.ts";

const PARTITIONS = 3;
const MESSAGES = 30;
const DAY_MS = 86_400_000;
const FIRST_MS = 1_700_000_000_000;

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (error) => error);
  assert.instanceOf(error, KafkaError);
  return (error as KafkaError).code;
}

async function makeTopic(kafka: RealKafka, client: KafkaClient, name: string): Promise<Topic> {
  if (atLeast(kafka.release, "0.10.1")) {
    await client.admin.createTopic(name, { partitions: PARTITIONS, replicationFactor: 1 });
  } else await kafka.createTopic(name, { partitions: PARTITIONS });
  return await client.topic(name);
}

/** Reads until so many messages have been finished, and leaves the next one in hand. */
async function take(consumer: SimpleConsumer, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of consumer) {
    if (seen.length === count) break;
    seen.push(`${message.partition}/${message.offset}`);
  }
  return seen;
}

/** The ends of the log, and what lies at a time. */
async function offsetsAreLookedUp(kafka: RealKafka, topic: Topic): Promise<void> {
  const entries = (offset: number) => Array.from({ length: PARTITIONS }, (_, i): [number, number] => [i, offset]);
  assert.deepEqual([...await topic.earliestOffsets()], entries(0));
  assert.deepEqual([...await topic.latestOffsets()], entries(0));
  const messages = Array.from({ length: MESSAGES }, (_, i) => {
    const timestamp = atLeast(kafka.release, "0.10") ? FIRST_MS + Math.floor(i / PARTITIONS) * DAY_MS : undefined;
    return { value: `${i}`, partition: i % PARTITIONS, timestamp };
  });
  const producer = topic.producer();
  await producer.produce(messages);
  await producer.close();
  assert.deepEqual([...await topic.earliestOffsets()], entries(0));
  assert.deepEqual([...await topic.latestOffsets()], entries(MESSAGES / PARTITIONS));
  const at = (ms: number) => topic.offsetsAt(new Date(FIRST_MS + ms));
  if (!atLeast(kafka.release, "0.10.1")) {
    assert.equal(await codeOf(at(0)), "UNSUPPORTED_FEATURE");
    return;
  }
  assert.deepEqual([...await at(0)], entries(0));
  assert.deepEqual([...await at(2 * DAY_MS + 1)], entries(3));
  assert.deepEqual([...await at(100 * DAY_MS)], entries(MESSAGES / PARTITIONS));
}

/** What is finished is not read again, what was in hand is; by itself, by commits, and over a restart of the client. */
async function groupsGoOn(topic: Topic): Promise<void> {
  const group = "goes.on";
  const first = topic.simpleConsumer({ group, autoCommitMs: 50 });
  const seen = await take(first, 10);
  await first.close();
  const committed = [...(await first.committed()).values()].reduce((sum, { offset }) => sum + offset, 0);
  assert.equal(committed, 10);
  const second = topic.simpleConsumer({ group, autoCommit: false });
  const lag = [...(await second.lag()).values()].reduce((sum, one) => sum + one, 0);
  assert.equal(lag, MESSAGES - 10);
  const more = await take(second, 9);
  await second.commit(); // with the tenth in hand
  await second.close();
  const rest = await take(topic.simpleConsumer({ group, until: "end" }), MESSAGES);
  assert.lengthOf(rest, 10);
  const all = new Set([...seen, ...more, ...rest]);
  assert.equal(all.size, MESSAGES - 1);
  assert.lengthOf(await take(topic.simpleConsumer({ group, until: "end" }), 1), 0);
}

/** Offsets, texts and epochs as they are stored; what a broker refuses. */
async function offsetsAreStored(kafka: RealKafka, topic: Topic): Promise<void> {
  const group = "stored";
  const consumer = topic.simpleConsumer({ group, autoCommit: false, commitMetadata: "usual" });
  assert.equal((await consumer.committed()).size, 0);
  await consumer.commit([[0, 3], [2, 69]]);
  for await (const message of consumer) {
    if (message.partition !== 1 || message.offset !== 4) continue;
    await consumer.commit(message, { metadata: "mäin" });
    break;
  }
  const leaderEpoch = atLeast(kafka.release, "2.4") ? 0 : -1;
  const stored = await consumer.committed();
  assert.deepEqual([stored.get(0)!.offset, stored.get(0)!.metadata], [3, "usual"]);
  assert.deepEqual([stored.get(2)!.offset, stored.get(2)!.metadata], [69, "usual"]);
  assert.deepEqual([stored.get(1)!.offset, stored.get(1)!.metadata], [5, "mäin"]);
  if (leaderEpoch === 0) assert.equal(stored.get(1)!.leaderEpoch, leaderEpoch);
  const tooLarge = consumer.commit([[0, 4]], { metadata: "x".repeat(10_000) });
  assert.equal(await codeOf(tooLarge), "OFFSET_METADATA_TOO_LARGE");
  await consumer.close();
  // An offset that the log has not got goes where `reset` says.
  const beyond = topic.simpleConsumer({ group, partitions: [2], until: "end", reset: "earliest" });
  assert.lengthOf(await take(beyond, 0), 0);
  await beyond.close();
  if (!atLeast(kafka.release, "0.9")) return;
  const ours = [
    { partition: 0, offset: 3, metadata: "usual" },
    { partition: 1, offset: 5, metadata: "mäin" },
    { partition: 2, offset: 69, metadata: "usual" },
  ];
  assert.deepEqual(await javaOffsets(kafka, group, topic.name), ours);
  const theirs = [{ partition: 0, offset: 7, metadata: "java" }, { partition: 1, offset: 8, metadata: "" }];
  await javaOffsets(kafka, group, topic.name, theirs);
  const after = await topic.simpleConsumer({ group }).committed();
  for (const { partition, offset, metadata } of theirs) {
    assert.deepEqual([after.get(partition)!.offset, after.get(partition)!.metadata], [offset, metadata]);
  }
  const resumed = topic.simpleConsumer({ group, partitions: [0, 1], until: "end" });
  assert.sameMembers(await take(resumed, 9), ["0/7", "0/8", "0/9", "1/8", "1/9"]);
}

/** ZooKeeper's offsets are others, and where there is no ZooKeeper that is told by name. */
async function zooKeeperKeepsOffsets(kafka: RealKafka, topic: Topic): Promise<void> {
  const group = "goes.on";
  const consumer = topic.simpleConsumer({ group, offsets: "zookeeper", commitMetadata: "zk" });
  if (withoutZooKeeper(kafka.release)) {
    assert.equal(await codeOf(take(consumer, 1)), "UNSUPPORTED_FEATURE");
    assert.equal(await codeOf(consumer.commit([[0, 1]])), "UNSUPPORTED_FEATURE");
    await consumer.close();
    return;
  }
  assert.equal((await consumer.committed()).size, 0);
  assert.lengthOf(await take(consumer, 12), 12);
  await consumer.close();
  const committed = [...await consumer.committed()];
  assert.equal(committed.reduce((sum, [, { offset }]) => sum + offset, 0), 12);
  // From 2.4 on the broker's jars are not enough for ZooKeeper's own shell.
  const shown = atLeast(kafka.release, "2.4") ? [] : committed;
  for (const [partition, { offset }] of shown) {
    const path = `/consumers/${group}/offsets/${topic.name}/${partition}`;
    const told = await kafka.tool("org.apache.zookeeper.ZooKeeperMain", ["-server", kafka.zookeeper!, "get", path]);
    assert.match(told, new RegExp(`^${offset}$`, "m"));
  }
  const rest = await take(topic.simpleConsumer({ group, offsets: "zookeeper", until: "end" }), MESSAGES);
  assert.lengthOf(rest, MESSAGES - 12);
}

/** Nobody waits for a long poll that is not about him. */
async function longPollsHoldUpNobody(topic: Topic): Promise<void> {
  const maxWaitMs = 20_000;
  const consumer = topic.simpleConsumer({ maxWaitMs });
  const startedAt = Date.now();
  assert.lengthOf(await take(consumer, MESSAGES - 1), MESSAGES - 1);
  const waiting = consumer[Symbol.asyncIterator]().next();
  await new Promise((resolve) => setTimeout(resolve, 100)); // the poll is under way
  consumer.seek(1, 3);
  const { value } = await waiting;
  assert.deepEqual([value.partition, value.offset], [1, 3]);
  await consumer.close();
  const producer = topic.producer();
  await producer.produce(Array.from({ length: 200 }, () => ({ value: new Uint8Array(10_000), partition: 0 })));
  await producer.close();
  const greedy = topic.simpleConsumer({ maxWaitMs, partitionBytes: 50_000 });
  await take(greedy, MESSAGES + 199);
  await greedy.close();
  assert.isBelow(Date.now() - startedAt, 10_000);
}

/** All of it, on a cluster that has nothing yet of ours. */
export async function offsetsGoRound(kafka: RealKafka, client: KafkaClient): Promise<void> {
  const topic = await makeTopic(kafka, client, "offsets");
  await offsetsAreLookedUp(kafka, topic);
  await groupsGoOn(topic);
  await offsetsAreStored(kafka, topic);
  await zooKeeperKeepsOffsets(kafka, topic);
  await longPollsHoldUpNobody(topic);
}
