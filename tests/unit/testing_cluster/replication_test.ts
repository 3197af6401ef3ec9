/** Replication in the embedded cluster: what is committed, who is in sync, who leads, and what is lost when. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import { dialOf, Network } from "../../../src/testing/network.ts";
import { type Process, SimulatedWorld } from "../../../src/testing/world.ts";
import { test } from "../../harness.ts";
import { batch, Line, record } from "./line.ts";

/** A cluster in virtual time, and a line to each of its brokers. */
interface Stage {
  readonly cluster: Cluster;
  readonly process: Process;
  /** A connection to a broker; the same one each time. */
  line(id: number): Promise<Line>;
  /** Appends one record, and gives the error and the offset. */
  write(id: number, text: string, acks: number, timeoutMs?: number): Promise<readonly [number, number]>;
  /** What a broker gives a reader, and its error. */
  read(id: number, more?: object, version?: number): Promise<FetchAnswer>;
}

type FetchAnswer = Awaited<ReturnType<typeof readPartition>>;

async function readPartition(line: Line, more: object, version: number, topicId: string) {
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000, ...more };
  const body = { maxWaitMs: 0, minBytes: 0, topics: [{ topic: "t", topicId, partitions: [partition] }] };
  const { topicId: _, ...named } = body.topics[0]!;
  const { responses } = await line.ask(fetch, version, version >= 13 ? body : { ...body, topics: [named] });
  return responses[0]!.partitions[0]!;
}

const THREE = { brokers: 3, topics: { t: { replicationFactor: 3 } } };

/** All brokers in one process, over memory: they hear of one another at once where the options say nothing else. */
async function play(options: ClusterOptions, body: (stage: Stage) => Promise<void>): Promise<void> {
  const world = new SimulatedWorld(1);
  const process = world.process("all");
  const report = await world.run(() => stageOn(process, { ...options, world: process }, undefined, body));
  if (report.failure !== undefined) throw world.cause ?? new Error(report.failure);
}

/** Each broker in a process of its own, so that it can be frozen. */
async function simulate(
  options: ClusterOptions,
  body: (stage: Stage, world: SimulatedWorld) => Promise<void>,
): Promise<void> {
  const world = new SimulatedWorld(1);
  const network = new Network(world);
  const process = world.process("client");
  const all = { ...options, simulation: { world, network } };
  const dial = dialOf(network, process);
  const report = await world.run(() => stageOn(process, all, dial, (stage) => body(stage, world)));
  if (report.failure !== undefined) throw world.cause ?? new Error(report.failure);
}

async function stageOn(
  process: Process,
  options: ClusterOptions,
  dial: Cluster["dial"] | undefined,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const cluster = await Cluster.start(options);
  const lines = new Map<number, Line>();
  const line = async (id: number) => {
    if (!lines.has(id)) lines.set(id, await Line.to(cluster, id, dial ?? cluster.dial));
    return lines.get(id)!;
  };
  const write: Stage["write"] = async (id, text, acks, timeoutMs = 1000) => {
    const topicData = [{ name: "t", partitionData: [{ index: 0, records: await batch(2, [record(text)]) }] }];
    const { responses } = await (await line(id)).ask(produce, cluster.release === "1.1" ? 3 : 9, {
      acks,
      timeoutMs,
      topicData,
    });
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
    return [errorCode, baseOffset];
  };
  const read: Stage["read"] = async (id, more = {}, version = 12) =>
    await readPartition(await line(id), more, version, cluster.topics.get("t")!.id);
  await body({ cluster, process, line, write, read });
  for (const one of lines.values()) one.close();
  await cluster.close();
}

/** What is committed, as texts. */
async function texts(cluster: Cluster): Promise<string[]> {
  return (await cluster.records("t", 0)).map((message) => message.text());
}

async function latest(stage: Stage, id: number, version: number): Promise<readonly [number, number]> {
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  const answer = await (await stage.line(id)).ask(listOffsets, version, { replicaId: -1, topics });
  const { errorCode, offset } = answer.topics[0]!.partitions[0]!;
  return [errorCode, offset];
}

/** The leader and the two others, the next in line first. */
function roles(cluster: Cluster): [number, number, number] {
  return [...cluster.partition("t", 0).replicas] as [number, number, number];
}

test("acks=all is answered when all in sync have it, acks=1 at once, and readers see what is committed", () =>
  play(THREE, async (stage) => {
    const { cluster, process, write, read } = stage;
    const [leader, second] = roles(cluster);
    assert.deepEqual(await write(leader, "a", -1), [0, 0]);
    assert.equal(process.now(), 0, "nothing takes time outside a simulation");
    const release = cluster.hold(second);
    assert.deepEqual(await write(leader, "b", 1), [0, 1]);
    const waiting = write(leader, "c", -1, 5000);
    await process.sleep(1000);
    const partition = cluster.partition("t", 0);
    assert.deepEqual([partition.highWatermark, partition.endOffset], [1, 3]);
    assert.deepEqual(await texts(cluster), ["a"]);
    const other = await Line.to(cluster, leader);
    assert.equal((await readPartition(other, {}, 12, "")).highWatermark, 1);
    assert.lengthOf((await readPartition(other, { fetchOffset: 1 }, 12, "")).records!, 0);
    assert.equal((await readPartition(other, { fetchOffset: 3 }, 12, "")).errorCode, 0, "up to the log's end");
    assert.equal((await readPartition(other, { fetchOffset: 4 }, 12, "")).errorCode, 1);
    other.close();
    release();
    assert.deepEqual(await waiting, [0, 2]);
    assert.equal(process.now(), 1000);
    assert.deepEqual(await latest(stage, leader, 5), [0, 3]);
    assert.deepEqual(await texts(cluster), ["a", "b", "c"]);
    for (const id of [1, 2, 3]) assert.equal((await read(id)).highWatermark, 3, `broker ${id} knows`);
  }));

test("acks=all times out where a replica in sync does not follow, and is there all the same", () =>
  play(THREE, async ({ cluster, process, write }) => {
    const [leader, second] = roles(cluster);
    const release = cluster.hold(second);
    assert.deepEqual(await write(leader, "a", -1, 700), [7, 0]);
    assert.equal(process.now(), 700);
    release();
    assert.deepEqual(await texts(cluster), ["a"]);
  }));

test("who does not catch up leaves those in sync, and is taken back when it has", () =>
  play({ ...THREE, replicaLagMs: 2000 }, async ({ cluster, process, write }) => {
    const [leader, second, third] = roles(cluster);
    const partition = cluster.partition("t", 0);
    await process.sleep(60_000);
    const release = cluster.hold(second);
    await process.sleep(10_000);
    assert.lengthOf(partition.isr, 3, "with nothing new it is not behind");
    const startedAt = process.now();
    assert.deepEqual(await write(leader, "a", -1, 10_000), [0, 0]);
    assert.equal(process.now() - startedAt, 2000);
    assert.deepEqual(partition.isr, [leader, third]);
    assert.equal(partition.leaderEpoch, 0);
    release();
    assert.lengthOf(partition.isr, 3);
    assert.deepEqual(await write(leader, "b", -1), [0, 1]);
    assert.equal(partition.logOf(second).highWatermark, 2);
  }));

test("with too few in sync acks=all is refused before, or told after it was appended", () =>
  play({
    brokers: 2,
    replicaLagMs: 500,
    topics: { t: { replicationFactor: 2, configs: { "min.insync.replicas": "2" } } },
  }, async ({ cluster, write }) => {
    const [leader, second] = cluster.partition("t", 0).replicas as [number, number];
    cluster.hold(second);
    assert.deepEqual(await write(leader, "a", -1), [20, 0]);
    assert.deepEqual(await write(leader, "b", -1), [19, -1]);
    assert.deepEqual(await write(leader, "c", 1), [0, 1]);
    assert.deepEqual(await texts(cluster), ["a", "c"]);
  }));

test("the next in sync leads: what all had is there, and what only the dead one had is cut off when it comes back", () =>
  play(THREE, async ({ cluster, write, read }) => {
    const [first, second, third] = roles(cluster);
    await write(first, "a", -1);
    const releases = [cluster.hold(second), cluster.hold(third)];
    assert.deepEqual(await write(first, "lost", 1), [0, 1]);
    await cluster.kill(first);
    releases.forEach((release) => release());
    const partition = cluster.partition("t", 0);
    assert.deepEqual([partition.leader, partition.leaderEpoch, partition.isr.length], [second, 1, 2]);
    assert.equal(partition.logOf(first).endOffset, 2);
    assert.deepEqual(await write(second, "b", -1), [0, 1]);
    await cluster.start(first);
    assert.lengthOf(partition.isr, 3);
    assert.deepEqual(await texts(cluster), ["a", "b"]);
    for (const id of [first, second, third]) {
      assert.deepEqual(partition.logOf(id).stored.map(({ leaderEpoch }) => leaderEpoch), [0, 1], `broker ${id}`);
    }
    // A reader that had come to the lost record learns from its epoch where the logs part.
    const parted = await read(second, { fetchOffset: 2, lastFetchedEpoch: 0 });
    assert.deepEqual([parted.errorCode, parted.divergingEpoch], [0, { epoch: 0, endOffset: 1 }]);
    assert.lengthOf(parted.records!, 0);
    const fine = await read(second, { fetchOffset: 1, lastFetchedEpoch: 0 });
    assert.deepEqual([fine.divergingEpoch, fine.records!.length > 0], [{ epoch: -1, endOffset: -1 }, true]);
    assert.equal((await read(second, { fetchOffset: 1, lastFetchedEpoch: 9 })).errorCode, 1);
  }));

test("the last in sync is waited for, unless an unclean election is allowed", async () => {
  for (const setting of ["cluster", "topic", "no", "topic says no"]) {
    const configs: Record<string, string> = setting.startsWith("topic")
      ? { "unclean.leader.election.enable": `${setting === "topic"}` }
      : {};
    const topics = { t: { replicationFactor: 2, configs } };
    const uncleanElections = setting === "cluster" || setting === "topic says no";
    await play({ brokers: 2, replicaLagMs: 100, topics, uncleanElections }, async ({ cluster, write, read }) => {
      const [first, second] = cluster.partition("t", 0).replicas as [number, number];
      const release = cluster.hold(second);
      assert.deepEqual(await write(first, "only the first has it", -1), [0, 0]);
      const partition = cluster.partition("t", 0);
      assert.deepEqual(partition.isr, [first]);
      await cluster.kill(first);
      release();
      if (setting === "no" || setting === "topic says no") {
        assert.deepEqual([partition.leader, partition.leaderEpoch, partition.uncleanElections], [-1, 1, 0]);
        assert.equal((await read(second)).errorCode, 0, "a follower still reads");
        await cluster.start(first);
        assert.deepEqual([partition.leader, partition.leaderEpoch], [first, 2]);
        assert.deepEqual(await texts(cluster), ["only the first has it"]);
      } else {
        assert.deepEqual([partition.leader, partition.leaderEpoch, partition.uncleanElections], [second, 1, 1]);
        assert.deepEqual(await write(second, "new", -1), [0, 0]);
        await cluster.start(first);
        assert.deepEqual(await texts(cluster), ["new"]);
        assert.equal(partition.logOf(first).endOffset, 1);
        assert.equal(partition.logOf(first).stored[0]!.leaderEpoch, 1);
      }
      assert.lengthOf(partition.isr, 2);
    });
  }
});

test("a leader that is cut off does not know that it is deposed: what it takes is never committed, and lost", () =>
  play({ ...THREE, sessionMs: 1000 }, async ({ cluster, process, write, read, line }) => {
    const [first, second] = roles(cluster);
    await write(first, "a", -1);
    const end = cluster.cutOff(first);
    await process.sleep(1001);
    const partition = cluster.partition("t", 0);
    assert.equal(partition.leader, second);
    assert.deepEqual(await write(first, "x", 1), [0, 1]);
    assert.deepEqual(await write(first, "y", -1, 100), [7, 2]);
    assert.deepEqual(await write(second, "b", -1), [0, 1]);
    assert.equal((await read(first)).highWatermark, 1);
    const { topics } = await (await line(first)).ask(metadata, 9, { topics: null });
    assert.equal(topics[0]!.partitions[0]!.leaderId, first, "by its own picture");
    // Each refuses by what it knows itself (KIP-320).
    assert.equal((await read(first, { currentLeaderEpoch: 1 })).errorCode, 75);
    assert.equal((await read(second, { currentLeaderEpoch: 0 })).errorCode, 74);
    const waiting = write(first, "z", -1, 10_000);
    await process.sleep(10);
    end();
    assert.deepEqual((await waiting)[0], 6, "it has heard, and cannot say whether it will be there");
    assert.deepEqual(await texts(cluster), ["a", "b"]);
    assert.equal(partition.logOf(first).endOffset, 2);
    assert.lengthOf(partition.isr, 3);
    assert.deepEqual(await write(first, "c", 1), [6, -1]);
  }));

test("brokers know of a new leader only after a while, and until then nobody takes anything", () =>
  play({ ...THREE, metadataDelayMs: 300 }, async ({ cluster, process, write, read, line }) => {
    const [first, second, third] = roles(cluster);
    cluster.moveLeader("t", 0, second);
    assert.equal(cluster.partition("t", 0).leader, second);
    const leaderBy = async (id: number) =>
      (await (await line(id)).ask(metadata, 9, { topics: null })).topics[0]!.partitions[0]!.leaderId;
    assert.deepEqual([await leaderBy(first), await leaderBy(third)], [first, first]);
    assert.deepEqual(await write(second, "a", 1), [6, -1]);
    const early = await read(second, { currentLeaderEpoch: 1 }, 16);
    assert.equal(early.errorCode, 75, "it does not know of an epoch 1 yet");
    await process.sleep(310);
    assert.deepEqual([await leaderBy(first), await leaderBy(third)], [second, second]);
    const late = await read(first, { currentLeaderEpoch: 0 }, 16);
    assert.deepEqual([late.errorCode, late.currentLeader], [74, { leaderId: second, leaderEpoch: 1 }]);
    assert.deepEqual(await write(first, "b", 1), [6, -1]);
    assert.deepEqual(await write(second, "c", -1), [0, 0]);
  }));

test("a new leader says that it does not know yet how much is committed, since 2.2", async () => {
  for (const [release, version, errorCode] of [["2.8.2", 5, 78], ["2.8.2", 4, 5], ["1.1", 2, 0]] as const) {
    await play({ ...THREE, release }, async (stage) => {
      const { cluster, write } = stage;
      const [first, second, third] = roles(cluster);
      await write(first, "a", -1);
      const release = cluster.hold(third);
      await write(first, "b", 1);
      cluster.moveLeader("t", 0, second);
      assert.deepEqual(await latest(stage, second, version), errorCode === 0 ? [0, 1] : [errorCode, -1], `${version}`);
      release();
      assert.deepEqual(await latest(stage, second, version), [0, 2]);
    });
  }
});

test("a broker that dies unnoticed leads until its session is over", () =>
  play({ ...THREE, sessionMs: 3000 }, async ({ cluster, process, write }) => {
    const [first, second] = roles(cluster);
    const partition = cluster.partition("t", 0);
    await cluster.kill(first);
    await process.sleep(2999);
    assert.deepEqual([partition.leader, cluster.brokers.every(({ alive }) => alive)], [first, true]);
    await process.sleep(2);
    assert.deepEqual([partition.leader, partition.leaderEpoch], [second, 1]);
    assert.deepEqual(await write(second, "a", -1), [0, 0]);
    // One that is back before it was missed is another all the same.
    await cluster.kill(second);
    await cluster.start(second);
    assert.equal(partition.leaderEpoch, 2);
    assert.notEqual(partition.leader, second);
    assert.include(partition.isr, second);
    await cluster.start(first);
    assert.lengthOf(partition.isr, 3);
  }));

test("a frozen broker is missed, keeps its old picture, and is back when it thaws", () =>
  simulate({ ...THREE, sessionMs: 500, metadataDelayMs: 1, replicationDelayMs: 1 }, async (stage, world) => {
    const { cluster, process, write } = stage;
    const [first, second] = roles(cluster);
    assert.deepEqual(await write(first, "a", -1), [0, 0]);
    const frozen = world.processes.find(({ name }) => name === `broker ${first}`)!;
    frozen.freeze(400);
    await process.sleep(600);
    const partition = cluster.partition("t", 0);
    assert.equal(partition.leader, first, "not for so long");
    frozen.freeze(5000);
    await process.sleep(1000);
    assert.deepEqual([partition.leader, cluster.brokers[first - 1]!.alive], [second, false]);
    assert.deepEqual(await write(second, "b", -1), [0, 1]);
    await process.sleep(5000);
    assert.isTrue(cluster.brokers[first - 1]!.alive);
    assert.lengthOf(partition.isr, 3);
    assert.deepEqual(await write(first, "c", 1), [6, -1]);
    assert.deepEqual(await texts(cluster), ["a", "b"]);
  }));

test("a topic made again under its name has nothing of the old one, also where a broker slept through it", () =>
  play(THREE, async ({ cluster, write }) => {
    const [first, second, third] = roles(cluster);
    await write(first, "old", -1);
    await cluster.kill(third);
    cluster.deleteTopic("t");
    await cluster.createTopic("t", { replicationFactor: 2 });
    const partition = cluster.partition("t", 0);
    await write(partition.leader, "new", -1);
    await cluster.start(third);
    assert.deepEqual(await texts(cluster), ["new"]);
    assert.sameMembers([...partition.replicas], [first, second]);
  }));

test("retention at the leader reaches its followers", () =>
  play(THREE, async ({ cluster, write }) => {
    const [first, second, third] = roles(cluster);
    for (const text of ["a", "b", "c"]) await write(first, text, -1);
    const release = cluster.hold(second);
    await write(first, "d", 1);
    cluster.deleteRecords("t", 0, 4);
    const partition = cluster.partition("t", 0);
    assert.equal(partition.logOf(first).startOffset, 3, "only what is committed");
    release();
    cluster.deleteRecords("t", 0, 4);
    for (const id of [first, second, third]) assert.equal(partition.logOf(id).startOffset, 4, `broker ${id}`);
    assert.deepEqual(await texts(cluster), []);
  }));

test("partitions are added, and lead and follow", () =>
  play(THREE, async ({ cluster }) => {
    cluster.addPartitions("t", 3);
    const { partitions } = cluster.topics.get("t")!;
    assert.deepEqual(partitions.map(({ index, isr }) => [index, isr.length]), [[0, 3], [1, 3], [2, 3]]);
    assert.lengthOf(new Set(partitions.map(({ leader }) => leader)), 3);
    let caught: unknown;
    try {
      cluster.addPartitions("t", 3);
    } catch (error) {
      caught = error;
    }
    assert.equal((caught as KafkaError).code, "INVALID_PARTITIONS");
    await Promise.resolve();
  }));

test("only who is in sync may be handed the lead", () =>
  play({ ...THREE, replicaLagMs: 100 }, async ({ cluster, write }) => {
    const [first, second] = roles(cluster);
    cluster.hold(second);
    await write(first, "a", -1);
    assert.throws(() => cluster.moveLeader("t", 0, second), /no living replica in sync/);
  }));

test("a follower that begins behind its new leader's end begins anew", () =>
  play(
    { brokers: 2, topics: { t: { replicationFactor: 2 } }, replicaLagMs: 100, uncleanElections: true },
    async (stage) => {
      const { cluster, write } = stage;
      const [first, second] = cluster.partition("t", 0).replicas as [number, number];
      await write(first, "both", -1);
      const release = cluster.hold(second);
      for (const text of ["one", "one", "one"]) await write(first, text, -1);
      cluster.deleteRecords("t", 0, 4);
      await cluster.kill(first);
      release();
      await cluster.start(first);
      const partition = cluster.partition("t", 0);
      assert.deepEqual([partition.leader, partition.isr.length], [second, 2]);
      assert.deepEqual([partition.logOf(first).startOffset, partition.logOf(first).endOffset], [0, 1]);
      assert.deepEqual(await texts(cluster), ["both"]);
    },
  ));
