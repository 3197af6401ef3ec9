/** `client.request`: any API to whom it is for, sent once; the way is found with patience, and what turned out wrong is looked up anew. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import type { KafkaClient } from "../../../src/client/client.ts";
import type { RequestOptions } from "../../../src/client/request.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { findCoordinator } from "../../../src/protocol/find_coordinator.ts";
import { initProducerId } from "../../../src/protocol/init_producer_id.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { offsetFetch } from "../../../src/protocol/offset_fetch.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Cluster } from "../../../src/testing/cluster.ts";
import type { Api } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { batch, record } from "../testing_cluster/line.ts";
import { failure, play, texts } from "./rig.ts";

/** Whom each request of an API came to, as broker ids. */
function asked(cluster: Cluster, api: Api): number[] {
  const brokers: number[] = [];
  cluster.control(api, ({ broker }) => void brokers.push(broker), Infinity);
  return brokers;
}

const offsetsOf = (topic: string, partitionIndex = 0) => ({
  replicaId: -1,
  topics: [{ name: topic, partitions: [{ partitionIndex, timestamp: -1 }] }],
});

async function writes(acks: number, value: string) {
  const records = await batch(2, [record(value)]);
  return { acks, timeoutMs: 1000, topicData: [{ name: "t", partitionData: [{ index: 0, records }] }] };
}

test("request: any broker answers, typed, in the best version or in the one that is asked for", () =>
  play({ brokers: 2, release: "2.8.2" }, async ({ client }) => {
    const versions: number[] = [];
    const body = (version: number) => {
      versions.push(version);
      return { topics: null };
    };
    const { topics, brokers } = await client.request(metadata, body);
    assert.deepEqual(topics.map(({ name }) => name), ["t"]);
    assert.deepEqual(brokers.map(({ nodeId }) => nodeId).sort(), [1, 2]);
    const old = await client.request(metadata, body, { version: 1 });
    assert.deepEqual([old.clusterId, old.controllerId], [null, client.controller!.id]);
    assert.deepEqual(versions, [11, 1]);
  }));

test("request: goes to the broker, leader, coordinator or controller that is named", () =>
  play({ brokers: 3, topics: { t: { partitions: 6, replicationFactor: 3 } } }, async ({ client, cluster }) => {
    const groups = asked(cluster, listGroups), offsets = asked(cluster, listOffsets);
    const committed = asked(cluster, offsetFetch), made = asked(cluster, createTopics);
    for (const broker of [3, 1, 2]) await client.request(listGroups, {}, { broker });
    assert.deepEqual(groups, [3, 1, 2]);

    const leaders = cluster.topics.get("t")!.partitions.map(({ leader }) => leader);
    for (const partition of leaders.keys()) {
      const body = offsetsOf("t", partition);
      const { topics } = await client.request(listOffsets, body, { leaderOf: { topic: "t", partition } });
      assert.equal(topics[0]!.partitions[0]!.errorCode, 0);
    }
    assert.deepEqual(offsets, leaders);

    for (const group of ["a", "b", "c", "d"]) {
      const body = { groups: [{ groupId: group, topics: null }] };
      await client.request(offsetFetch, body, { coordinatorOf: { group } });
      assert.equal(committed.at(-1), cluster.coordinatorOf(group));
    }

    const topics = [{ name: "new", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
    await client.request(createTopics, { topics, timeoutMs: 1000 }, { controller: true });
    assert.deepEqual(made, [cluster.controllerId]);
  }));

test("request: a topic that is not known yet is looked up; one that there is not, or a partition, is told", () =>
  play({}, async ({ client, cluster }) => {
    await cluster.createTopic("late");
    const leaderOf = { topic: "late", partition: 0 };
    const { topics } = await client.request(listOffsets, offsetsOf("late"), { leaderOf });
    assert.equal(topics[0]!.partitions[0]!.offset, 0);
    for (const [topic, partition] of [["nobody", 0], ["t", 7]] as const) {
      const error = await failure(client.request(listOffsets, offsetsOf("t"), { leaderOf: { topic, partition } }));
      assert.equal(error.code, "UNKNOWN_TOPIC_OR_PARTITION");
      assert.equal(error.topic, topic);
    }
  }));

test("request: acks 0 resolves when it is written, with an answer in which nothing is", () =>
  play({}, async ({ client, cluster, process: world }) => {
    const leaderOf = { topic: "t", partition: 0 };
    const told = await client.request(produce, await writes(-1, "told"), { leaderOf, version: 9 });
    assert.equal(told.responses[0]!.partitionResponses[0]!.baseOffset, 0);
    const untold = await client.request(produce, await writes(0, "untold"), { leaderOf, version: 9 });
    assert.deepEqual(untold, { responses: [], throttleTimeMs: 0, nodeEndpoints: [] });
    await world.sleep(100);
    assert.deepEqual(await texts(cluster), ["told", "untold"]);
    // Nobody waits for an answer, so the connection goes on.
    await client.request(produce, await writes(-1, "more"), { leaderOf, version: 9 });
    assert.equal((await texts(cluster)).length, 3);
  }));

test("request: what brokers hold holds up nothing else, and not one another", () =>
  play({}, async ({ client, process: world }) => {
    const leaderOf = { topic: "t", partition: 0 };
    const poll = (maxWaitMs: number) => {
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
      const topics = [{ topic: "t", partitions }];
      const body = { maxWaitMs, minBytes: 1, maxBytes: 1000, topics };
      return client.request(fetch, body, { leaderOf, version: 12 });
    };
    const ends: string[] = [];
    const began = world.now();
    await Promise.all([
      poll(5000).then(() => ends.push("long")),
      poll(1000).then(() => ends.push("short")),
      client.request(listOffsets, offsetsOf("t"), { leaderOf }).then(() => ends.push("offsets")),
    ]);
    assert.deepEqual(ends, ["offsets", "short", "long"]);
    assert.closeTo(world.now() - began, 5000, 100);
    const open = () => client.metrics().brokers.reduce((sum, { connections }) => sum + connections.open, 0);
    const before = open();
    await poll(100);
    assert.equal(open(), before, "the connections are used again");
  }));

test("request: a stale leader is not asked again, and its answer is given as it is", () =>
  play(
    { brokers: 3, topics: { t: { replicationFactor: 3 } } },
    async ({ client, cluster, process: world }) => {
      const offsets = asked(cluster, listOffsets);
      const leaderOf = { topic: "t", partition: 0 };
      const codeOf = async () => {
        const { topics } = await client.request(listOffsets, offsetsOf("t"), { leaderOf });
        return topics[0]!.partitions[0]!.errorCode;
      };
      const before = cluster.partition("t", 0).leader;
      assert.equal(await codeOf(), 0);
      const next = before % 3 + 1;
      cluster.moveLeader("t", 0, next);
      await world.sleep(50); // until the old one has heard
      assert.equal(await codeOf(), errorNumbers.NOT_LEADER_OR_FOLLOWER);
      assert.equal(await codeOf(), 0);
      assert.deepEqual(offsets, [before, before, next]);
    },
  ));

test("request: a dead leader or coordinator is looked for anew while nothing has been sent", () =>
  play(
    { brokers: 3, topics: { t: { replicationFactor: 3 } }, client: { requestTimeoutMs: 20_000 } },
    async ({ client, cluster, process: world }) => {
      const leaderOf = { topic: "t", partition: 0 };
      const leader = cluster.partition("t", 0).leader;
      await cluster.kill(leader);
      await world.sleep(50); // until the client has heard of the end of its connection
      const { topics } = await client.request(listOffsets, offsetsOf("t"), { leaderOf });
      assert.equal(topics[0]!.partitions[0]!.errorCode, 0);
      assert.notEqual(cluster.partition("t", 0).leader, leader);
      await cluster.start(leader);

      const group = "g", coordinatorOf = { group };
      const ask = () => client.request(offsetFetch, { groups: [{ groupId: group, topics: null }] }, { coordinatorOf });
      assert.equal((await ask()).groups[0]!.errorCode, 0);
      const coordinator = cluster.coordinatorOf(group)!;
      await cluster.kill(coordinator);
      await world.sleep(50);
      assert.equal((await ask()).groups[0]!.errorCode, 0);
      assert.notEqual(cluster.coordinatorOf(group), coordinator);
    },
  ));

test("request: a coordinator, or a controller, that says it is none is looked up anew by the next call", () =>
  play({ brokers: 3 }, async ({ client, cluster, process: world }) => {
    const lookups = asked(cluster, findCoordinator);
    const coordinatorOf = { group: "g" };
    const ask = async () => {
      const { groups } = await client.request(offsetFetch, { groups: [{ groupId: "g", topics: null }] }, {
        coordinatorOf,
      });
      return groups[0]!.errorCode;
    };
    await ask();
    const before = lookups.length;
    await ask();
    assert.lengthOf(lookups, before, "it is known");
    const errorCode = errorNumbers.NOT_COORDINATOR;
    cluster.control(offsetFetch, () => ({ groups: [{ groupId: "g", topics: [], errorCode }] }));
    assert.equal(await ask(), errorCode);
    assert.lengthOf(lookups, before);
    assert.equal(await ask(), 0);
    assert.lengthOf(lookups, before + 1);

    const looks = asked(cluster, metadata);
    const make = async () => {
      const topics = [{ name: "x", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
      const body = { topics, timeoutMs: 1000, validateOnly: true };
      return (await client.request(createTopics, body, { controller: true })).topics[0]!.errorCode;
    };
    cluster.control(createTopics, () => ({ topics: [{ name: "x", errorCode: errorNumbers.NOT_CONTROLLER }] }));
    assert.equal(await make(), errorNumbers.NOT_CONTROLLER);
    const seen = looks.length;
    assert.equal(await make(), 0);
    assert.isAbove(looks.length, seen);
    await cluster.kill(cluster.controllerId);
    await world.sleep(50);
    assert.equal(await make(), 0, "the next controller is found");
  }));

test("request: a request is sent once, whatever becomes of it", () =>
  play({ brokers: 2 }, async ({ client, cluster }) => {
    let count = 0;
    const close = () => {
      count++;
      return "close" as const;
    };
    const stop = cluster.control(listGroups, close, Infinity);
    const error = await failure(client.request(listGroups, {}, { broker: 1 }));
    assert.equal(error.code, "CONNECTION_CLOSED");
    assert.match(error.broker!, /^broker-1|:\d+$/);
    assert.equal(count, 1);
    await failure(client.request(listGroups, {}));
    assert.equal(count, 2, "not by another broker either");
    stop();
    await client.request(listGroups, {}, { broker: 1 });
  }));

test("request: a connection that the broker closed for idleness is nobody's failure", () =>
  play({ brokers: 1, connectionsMaxIdleMs: 10_000 }, async ({ client, process: world }) => {
    for (let i = 0; i < 3; i++) {
      await client.request(listGroups, {}, { broker: 1 });
      await world.sleep(10_000);
    }
  }));

test("request: a broker that is dead is told at once, one that is not there too", () =>
  play({ brokers: 2 }, async ({ client, cluster, process: world }) => {
    await client.request(listGroups, {}, { broker: 2 });
    await cluster.kill(2);
    const began = world.now();
    const dead = await failure(client.request(listGroups, {}, { broker: 2 }));
    assert.include(["CONNECTION_REFUSED", "CONNECTION_RESET", "CONNECTION_CLOSED", "NO_BROKERS"], dead.code);
    const nobody = await failure(client.request(listGroups, {}, { broker: 7 }));
    assert.equal(nobody.code, "NO_BROKERS");
    assert.match(nobody.message, /Broker 7/);
    assert.isBelow(world.now() - began, 3000);
    await client.request(listGroups, {}); // any: the one that lives
  }));

test("request: ends at its deadline, at the caller's abort with its reason, and with the client", () =>
  play({}, async ({ client, cluster, process: world, connect }) => {
    const stop = cluster.control(listGroups, () => world.sleep(3000).then(() => undefined), Infinity);
    const began = world.now();
    const late = await failure(client.request(listGroups, {}, { broker: 1, timeoutMs: 700 }));
    assert.equal(late.code, "REQUEST_TIMEOUT");
    assert.isDefined(late.broker);
    assert.match(late.message, /ListGroups/);
    assert.closeTo(world.now() - began, 700, 5);

    const caller = new AbortController();
    const reason = new KafkaError("CLOSED", "the caller's own");
    const ending = client.request(listGroups, {}, { signal: caller.signal }).catch((error: unknown) => error);
    await world.sleep(50);
    caller.abort(reason);
    assert.equal(await ending, reason);
    assert.equal(await client.request(listGroups, {}, { signal: caller.signal }).catch((e: unknown) => e), reason);

    const other = await connect();
    const left = other.request(listGroups, {}, { broker: 1 }).catch((error: KafkaError) => error.code);
    await world.sleep(50);
    await other.close();
    assert.equal(await left, "CLOSED");
    assert.equal((await failure(other.request(listGroups, {}))).code, "CLOSED");
    stop();
    await client.request(listGroups, {});
  }));

test("request: without a leader it waits until the deadline, and says why", () =>
  play({ brokers: 2 }, async ({ client, cluster, process: world }) => {
    await cluster.kill(cluster.partition("t", 0).leader);
    await world.sleep(50);
    const began = world.now();
    const options = { leaderOf: { topic: "t", partition: 0 }, timeoutMs: 3000 };
    const error = await failure(client.request(listOffsets, offsetsOf("t"), options));
    assert.equal(error.code, "REQUEST_TIMEOUT");
    assert.match(error.message, /ListOffsets, to the leader of t\/0,/);
    assert.equal((error.cause as KafkaError).code, "LEADER_NOT_AVAILABLE");
    assert.closeTo(world.now() - began, 3000, 50);
  }));

test("request: versions that are not shared, fields that a version lacks, values that do not fit", () =>
  play({ release: "0.10.2.2" }, async ({ client }) => {
    const none = await failure(client.request(metadata, { topics: null }, { version: 3 }));
    assert.equal(none.code, "UNSUPPORTED_VERSION");
    assert.match(none.message, /Metadata v3: we speak versions 0 to 13, \S+ speaks 0 to 2/);
    assert.isDefined(none.broker);
    const unknown = await failure(client.request(initProducerId, { transactionTimeoutMs: 1 }));
    assert.equal(unknown.code, "UNSUPPORTED_VERSION");
    assert.match(unknown.message, /InitProducerId: we speak versions 0 to \d, \S+ does not know it/);
    const field = await failure(client.request(metadata, { topics: null, includeTopicAuthorizedOperations: true }));
    assert.equal(field.code, "UNSUPPORTED_FEATURE");
    assert.match(field.message, /includeTopicAuthorizedOperations/);
    const value = await failure(client.request(metadata, { topics: 5 as unknown as null }));
    assert.equal(value.code, "INVALID_OPTION");
    assert.equal((await client.request(apiVersions, {})).errorCode, 0);
  }));

test("request: an API of one's own", () =>
  play({}, async ({ client }) => {
    const onlyIds = {
      ...{ key: 3, name: "Metadata, in part", versions: [1, 1], flexible: 9 },
      request: { topics: [{ name: "string" }] },
      response: { brokers: [{ nodeId: "int32", host: "string", port: "int32", rack: { is: "string", null: 0 } }] },
    } as const satisfies Api;
    const { brokers } = await client.request(onlyIds, { topics: [] });
    assert.deepEqual(brokers.map(({ nodeId, rack }) => [nodeId, rack]), [[1, null]]);
  }));

test("request: options that are wrong are named with what is allowed", () =>
  play({}, async ({ client }) => {
    const wrong: [unknown, RegExp][] = [
      [{ broker: -1 }, /broker must be a whole number/],
      [{ leaderOf: { topic: "t" } }, /leaderOf must be like { topic, partition }, not an object/],
      [{ coordinatorOf: "g" }, /coordinatorOf must be like { group } or { transactionalId }, not "g"/],
      [{ coordinatorOf: { group: "g", transactionalId: "x" } }, /coordinatorOf must be/],
      [{ controller: false }, /controller must be true/],
      [{ broker: 1, controller: true }, /broker and controller are given; a request has one target/],
      [{ version: 1.5 }, /version must be/],
      [{ timeoutMs: 0 }, /timeoutMs must be/],
      [{ signal: {} }, /signal must be an AbortSignal/],
      [{ lane: "control" }, /has no option lane; it knows broker, /],
    ];
    for (const [options, message] of wrong) {
      const error = await failure(client.request(listGroups, {}, options as RequestOptions));
      assert.equal(error.code, "INVALID_OPTION");
      assert.match(error.message, message);
    }
    const request = client.request.bind(client) as unknown as (api: unknown) => ReturnType<KafkaClient["request"]>;
    assert.match((await failure(request("Metadata"))).message, /must be an API, not "Metadata"/);
    assert.match((await failure(request(undefined))).message, /must be an API, not undefined/);
  }));
