/**
 * What brokers say of the cluster and of themselves, when it is not so. Elsewhere:
 *
 * - how answers follow upon one another, leader epochs that go back (F9, KIP-320), gaps, odd numbers: tests/unit/cluster/snapshot_test.ts
 * - an answer that fails as a whole, an empty picture, re-bootstrap: tests/unit/cluster/cluster_test.ts, bootstrap_test.ts
 * - a downgrade loop, errors, silence and hang-ups in the negotiation: tests/unit/connection/negotiation_test.ts
 * - ranges that make no sense: tests/unit/connection/versions_test.ts
 */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Response } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig } from "../client/rig.ts";
import { bend, filled } from "./bent.ts";

type Answer = Response<typeof metadata>;
type PartitionAnswer = Answer["topics"][number]["partitions"][number];

const HUGE = 2147483647;
const SHORT = { requestTimeoutMs: 2000 };
const OTHER_ID = "77777777-7777-7777-7777-777777777777";

/** Changes what is said of the first partition of every topic. */
function partition(change: (it: PartitionAnswer) => void): (body: Answer) => Answer {
  return (body) => {
    for (const { partitions } of body.topics) if (partitions[0]) change(partitions[0]);
    return body;
  };
}

/** What is at the end of the chain of causes. */
function rootOf(error: KafkaError): KafkaError {
  return error.cause === undefined ? error : rootOf(error.cause as KafkaError);
}

/** Reads a topic to the end. */
async function texts({ client }: Rig, name = "t"): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of (await client.topic(name)).simpleConsumer({ until: "end" })) seen.push(message.text());
  return seen;
}

const leaderless: readonly [what: string, cause: string, change: (body: Answer) => Answer][] = [
  ["no leader", "LEADER_NOT_AVAILABLE", partition((it) => it.leaderId = -1)],
  ["the leader -7", "LEADER_NOT_AVAILABLE", partition((it) => it.leaderId = -7)],
  ["a leader that is no broker", "NO_BROKERS", partition((it) => it.leaderId = 99)],
  ["a leader at port 0", "NO_BROKERS", (body) => {
    for (const broker of body.brokers) if (broker.nodeId === 1) broker.port = 0;
    return body;
  }],
  ["a leader at port 70000", "NO_BROKERS", (body) => {
    for (const broker of body.brokers) if (broker.nodeId === 1) broker.port = 70_000;
    return body;
  }],
  ["a leader at no host", "NO_BROKERS", (body) => {
    for (const broker of body.brokers) if (broker.nodeId === 1) broker.host = "";
    return body;
  }],
  ["a leader at another host", "CONNECTION_REFUSED", (body) => {
    for (const broker of body.brokers) if (broker.nodeId === 1) broker.host = "nowhere";
    return body;
  }],
];

for (const [what, cause, change] of leaderless) {
  test(`a partition with ${what}: deadlines tell why, the other one works, and so does it when it is found`, () =>
    play({ brokers: 2, topics: { t: { partitions: 2 } }, client: SHORT }, async (rig) => {
      const home = rig.cluster.partition("t", 0).leader === 1 ? 0 : 1;
      assert.equal(rig.cluster.partition("t", home).leader, 1);
      const undo = bend(rig, metadata, (body) => {
        // The partition of broker 1 is the one that the change is about.
        for (const topic of body.topics) {
          topic.partitions.sort((a, b) => a.partitionIndex === home ? -1 : b.partitionIndex === home ? 1 : 0);
        }
        return change(body);
      });
      await rig.client.refresh();
      const topic = await rig.client.topic("t");
      const producer = topic.producer({ deliveryTimeoutMs: 2500 });
      const [lost, fine] = [home, 1 - home].map((partition) => producer.produce({ partition, value: `${partition}` }));
      assert.equal((await fine!).offset, 0);
      const error = await failure(lost!);
      assert.deepEqual([error.code, error.topic, error.partition], ["DELIVERY_TIMEOUT", "t", home]);
      assert.equal(rootOf(error).code, cause);
      assert.equal((await failure(topic.latestOffsets())).code, "REQUEST_TIMEOUT");
      const consumer = topic.simpleConsumer();
      const seen: string[] = [];
      const loop = (async () => {
        for await (const message of consumer) seen.push(message.text());
      })();
      await rig.process.sleep(2000);
      assert.deepEqual(seen, [`${1 - home}`], "the other partition is read");
      undo();
      await producer.produce({ partition: home, value: "found" });
      await rig.process.sleep(2500);
      assert.include(seen, "found");
      await consumer.close();
      await loop;
    }));
}

test("a topic without partitions is looked for again, and what was known of one stays", () =>
  play({ topics: { t: {}, u: {} }, client: SHORT }, async (rig) => {
    await filled(rig, 0, [["a"]]);
    const client = await rig.connect();
    const undo = bend(
      rig,
      metadata,
      (body) => ({ ...body, topics: body.topics.map((it) => ({ ...it, partitions: [] })) }),
    );
    await rig.client.refresh();
    const producer = rig.client.producer();
    assert.equal((await producer.produce({ topic: "t", value: "b" })).offset, 1, "its partitions are still known");
    const late = await rig.connect();
    const error = await failure(late.topic("u"));
    assert.deepEqual([error.code, error.topic], ["REQUEST_TIMEOUT", "u"]);
    assert.equal((error.cause as KafkaError).code, "LEADER_NOT_AVAILABLE");
    const unsent = await failure(late.producer({ deliveryTimeoutMs: 1000 }).produce({ topic: "u", value: "x" }));
    assert.deepEqual([unsent.code, unsent.persisted], ["DELIVERY_TIMEOUT", "no"]);
    undo();
    assert.equal((await late.topic("u")).partitions.size, 1);
    assert.deepEqual(await texts(rig), ["a", "b"]);
    await late.close();
    await client.close();
  }));

for (
  const [errorCode, code] of [[999, "UNKNOWN_ERROR_999"], [-42, "UNKNOWN_ERROR_-42"], [
    29,
    "TOPIC_AUTHORIZATION_FAILED",
  ]] as const
) {
  test(`a topic with the error ${errorCode} is told by it, other topics are not`, () =>
    play({ topics: { t: {}, u: {} }, client: SHORT }, async (rig) => {
      const undo = bend(rig, metadata, (body) => ({
        ...body,
        topics: body.topics.map((it) => it.name === "u" ? { ...it, errorCode, partitions: [] } : it),
      }));
      const client = await rig.connect();
      const error = await failure(client.topic("u"));
      assert.deepEqual([error.code, error.topic, error.retriable], [code, "u", false]);
      const unsent = await failure(client.producer().produce({ topic: "u", value: "x" }));
      assert.deepEqual([unsent.code, unsent.topic, unsent.persisted], [code, "u", "no"]);
      await client.producer().produce({ topic: "t", value: "x" });
      undo();
      await client.producer().produce({ topic: "u", value: "x" });
      await client.close();
    }));
}

test("brokers twice, with negative ids, or with more than there are, leave a client at work", () =>
  play({ brokers: 2, client: SHORT }, async (rig) => {
    bend(rig, metadata, (body) => {
      const [first] = body.brokers;
      const odd = [-1, -5, 77, HUGE].map((nodeId) => ({ ...first!, nodeId, host: "nowhere" }));
      return { ...body, brokers: [...odd, ...body.brokers, ...body.brokers], controllerId: -1 };
    });
    const client = await rig.connect();
    assert.deepEqual([...client.brokers.keys()].sort((a, b) => a - b), [-5, -1, 1, 2, 77, HUGE]);
    await filled({ ...rig, client }, 0, [["a"]]);
    await client.refresh();
    assert.deepEqual(await texts({ ...rig, client }), ["a"]);
    await client.close();
  }));

test("a partition that is not listed for a while, when its number is chosen already, is waited for", () =>
  play({ release: "1.1", topics: { t: { partitions: 3 } }, client: SHORT }, async (rig) => {
    let answers = 0;
    const undo = bend(rig, metadata, (body) => {
      const isFirst = answers++ === 0;
      for (const it of body.topics) {
        for (const one of it.partitions) one.leaderId = one.partitionIndex === 2 ? 99 : one.leaderId;
        if (!isFirst) it.partitions = it.partitions.filter(({ partitionIndex }) => partitionIndex === 0);
      }
      return body;
    });
    const client = await rig.connect();
    const producer = (await client.topic("t")).producer();
    const end = producer.produce({ partition: 2, value: "x" });
    await rig.process.sleep(1000);
    assert.equal(client.topics.get("t")!.partitions.length, 1);
    undo();
    assert.deepEqual([(await end).partition, (await end).offset], [2, 0]);
    await client.close();
  }));

test("no broker at all in the first answer: what can be asked of a bootstrap host is, the rest ends in time", () =>
  play({ client: SHORT }, async (rig) => {
    const undo = bend(rig, metadata, (body) => ({ ...body, brokers: [], controllerId: 99 }));
    const client = await rig.connect();
    assert.equal(client.brokers.size, 0);
    const topic = await client.topic("t");
    assert.equal((await failure(topic.latestOffsets())).code, "REQUEST_TIMEOUT");
    assert.equal((await failure(client.admin.createTopic("made"))).code, "REQUEST_TIMEOUT");
    assert.equal((await failure(topic.producer({ deliveryTimeoutMs: 1000 }).produce("x"))).code, "DELIVERY_TIMEOUT");
    undo();
    assert.equal((await topic.producer().produce("x")).offset, 0);
    await client.close();
  }));

test("topics that nobody asked about are not taken in, however many there are", () =>
  play({ client: { ...SHORT, metadataMaxAgeMs: 200 } }, async (rig) => {
    let n = 0;
    bend(rig, metadata, (body) => {
      const like = body.topics[0];
      if (like) body.topics.push(...Array.from({ length: 50 }, () => ({ ...like, name: `odd ${n++}` })));
      return body;
    });
    const consumer = (await rig.client.topic("t")).simpleConsumer();
    await consumer.start();
    await rig.process.sleep(5000);
    assert.isAbove(n, 300);
    assert.deepEqual([...rig.client.topics.keys()], ["t"]);
    await consumer.close();
  }));

test("a leader epoch that goes back is not followed, unless the topic is another", () =>
  play({ brokers: 2, topics: { t: { replicationFactor: 2 } }, client: SHORT }, async (rig) => {
    const { leader } = rig.cluster.partition("t", 0);
    rig.cluster.moveLeader("t", 0, 3 - leader);
    await rig.client.refresh();
    const leaderNow = () => rig.client.topics.get("t")!.partitions[0]!.leader;
    assert.equal(leaderNow(), 3 - leader);
    let undo = bend(rig, metadata, partition((it) => [it.leaderId, it.leaderEpoch] = [leader, 0]));
    await rig.client.producer().produce({ topic: "t", value: "a" });
    const topic = await rig.client.topic("t");
    await topic.latestOffsets();
    undo();
    undo = bend(rig, metadata, (body) => {
      for (const it of body.topics) it.topicId = OTHER_ID;
      return partition((it) => [it.leaderId, it.leaderEpoch] = [leader, 0])(body);
    });
    await rig.client.refresh();
    assert.deepEqual([leaderNow(), topic.id], [leader, OTHER_ID]);
    undo();
    assert.equal((await topic.producer().produce("b")).offset, 1, "and back, since it was not true");
  }));

test("an id that no topic has is found out and looked up again", () =>
  play({ client: SHORT }, async (rig) => {
    await filled(rig, 0, [["a"]]);
    const undo = bend(rig, metadata, (body) => {
      undo();
      for (const it of body.topics) it.topicId = OTHER_ID;
      return body;
    });
    const client = await rig.connect();
    assert.equal(client.topics.get("t")!.id, OTHER_ID);
    await filled({ ...rig, client }, 0, [["b"]]);
    assert.deepEqual(await texts({ ...rig, client }), ["a", "b"]);
    await client.close();
  }));

test("a throttle of 24 days keeps nobody beyond a deadline, and nothing after close", () =>
  play({ client: SHORT }, async (rig) => {
    for (const api of [produce, fetch, listOffsets, metadata, createTopics] as const) {
      for (const throttleTimeMs of [HUGE, -1, -2147483648]) {
        const client = await rig.connect();
        const undo = bend(rig, api, (body) => ({ ...body, throttleTimeMs } as never));
        const topic = await client.topic("t");
        const producer = topic.producer({ deliveryTimeoutMs: 3000 });
        for (let n = 0; n < 2; n++) {
          await producer.produce("x").catch(isOurs);
          await topic.latestOffsets().catch(isOurs);
          await client.refresh().catch(isOurs);
          await client.admin.createTopic(`${api.name}.${n}.${Math.abs(throttleTimeMs)}`).catch(isOurs);
        }
        undo();
        await client.close();
      }
    }
  }));

function isOurs(error: unknown): void {
  assert.include(["REQUEST_TIMEOUT", "DELIVERY_TIMEOUT"], (error as KafkaError).code);
}

type Versions = Response<typeof apiVersions>;

const mute: readonly [what: string, code: string, change: (body: Versions) => Versions][] = [
  ["nothing", "PROTOCOL_ERROR", (body) => ({ ...body, apiKeys: [] })],
  ["ranges that end before they begin", "UNSUPPORTED_FEATURE", (body) => ({
    ...body,
    apiKeys: body.apiKeys.map((it) => ({ ...it, minVersion: it.maxVersion + 1 })),
  })],
  ["negative versions", "UNSUPPORTED_FEATURE", (body) => ({
    ...body,
    apiKeys: body.apiKeys.map((it) => ({ ...it, minVersion: -32768, maxVersion: -1 })),
  })],
  ["only versions of the future", "UNSUPPORTED_FEATURE", (body) => ({
    ...body,
    apiKeys: body.apiKeys.map((it) => ({ ...it, minVersion: 1000, maxVersion: 32767 })),
  })],
  ["only requests that nobody knows", "UNSUPPORTED_FEATURE", (body) => ({
    ...body,
    apiKeys: body.apiKeys.map((it) => ({ ...it, apiKey: -it.apiKey - 1 })),
  })],
  ["the error 999", "UNKNOWN_ERROR_999", (body) => ({ ...body, errorCode: 999 })],
  ["the error -42", "UNKNOWN_ERROR_-42", (body) => ({ ...body, errorCode: -42 })],
];

for (const [what, code, change] of mute) {
  test(`a broker that speaks ${what}: ${code} at once when connecting, and a client that knows others goes on`, () =>
    play({ brokers: 2, topics: { t: { partitions: 2 } }, client: SHORT }, async (rig) => {
      const before = rig.process.now();
      const undo = bend(rig, apiVersions, change);
      const error = await failure(rig.connect());
      assert.equal(error.code, code);
      assert.isFalse(error.retriable);
      assert.isDefined(error.broker);
      assert.isBelow(rig.process.now() - before, 3000);
      undo();
      const client = await rig.connect();
      assert.equal((await client.producer().produce({ topic: "t", value: "x" })).offset, 0);
      await client.close();
    }));
}

test("ranges that are too wide are cut to what is spoken here", () =>
  play({ client: SHORT }, async (rig) => {
    bend(rig, apiVersions, (body) => ({
      ...body,
      apiKeys: [...body.apiKeys.map((it) => ({ ...it, minVersion: -5 })), {
        apiKey: 999,
        minVersion: 0,
        maxVersion: 5,
      }],
    }));
    const client = await rig.connect();
    await filled({ ...rig, client }, 0, [["a"]]);
    assert.deepEqual(await texts({ ...rig, client }), ["a"]);
    await client.close();
  }));
