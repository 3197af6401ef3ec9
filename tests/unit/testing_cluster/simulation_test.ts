/** The embedded cluster in a simulated world: it runs unchanged, leaves nothing, and a seed has one trace. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { dialOf, Network } from "../../../src/testing/network.ts";
import { type Process, type Report, SimulatedWorld } from "../../../src/testing/world.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { batch, Line, record } from "./line.ts";

const COUNT = 5;
const SEEDS = 20;

/** Asks again until it comes true; the world's end is the deadline. */
async function until(process: Process, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await process.sleep(10);
}

/** Writes to a partition while its leader is killed under it, and reads what is there from the new one. */
async function scenario(cluster: Cluster, dial: Dial, process: Process): Promise<void> {
  const { leader } = cluster.partition("t", 0);
  const line = await Line.to(cluster, leader, dial);
  const topicData = [{ name: "t", partitionData: [{ index: 0, records: await batch(2, [record("a")]) }] }];
  for (let i = 0; i < COUNT; i++) {
    const { responses } = await line.ask(produce, 9, { acks: -1, timeoutMs: 1000, topicData });
    assert.equal(responses[0]!.partitionResponses[0]!.baseOffset, i);
  }
  await cluster.kill(leader);
  try {
    assert.equal(await line.tryAsk(metadata, 1, { topics: null }), "closed");
  } catch (error) {
    assert.equal((error as KafkaError).code, "CONNECTION_RESET");
  }
  line.close();
  await until(process, () => ![-1, leader].includes(cluster.partition("t", 0).leader));
  const next = cluster.partition("t", 0).leader;
  const reader = await Line.to(cluster, next, dial);
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000 }];
  const body = { maxWaitMs: 500, minBytes: 1, topics: [{ topic: "t", partitions }] };
  // It has to hear that it leads, and from its follower how much is committed.
  await until(process, async () => {
    const { highWatermark } = (await reader.ask(fetch, 4, body)).responses[0]!.partitions[0]!;
    assert.isAtMost(highWatermark, COUNT);
    return highWatermark === COUNT;
  });
  const end = { ...body, topics: [{ topic: "t", partitions: [{ ...partitions[0]!, fetchOffset: COUNT }] }] };
  assert.lengthOf((await reader.ask(fetch, 4, end)).responses[0]!.partitions[0]!.records!, 0);
  await cluster.start(leader);
  const back = await Line.to(cluster, leader, dial);
  assert.lengthOf((await back.ask(metadata, 1, { topics: null })).brokers, 3);
  await until(process, () => cluster.partition("t", 0).isr.length === 3);
  reader.close();
  back.close();
}

function run(seed: number): Promise<Report> {
  const world = new SimulatedWorld(seed);
  const network = new Network(world);
  const client = world.process("client");
  return world.run(async () => {
    const topics = { t: { replicationFactor: 3 } };
    const simulation = { world, network };
    const cluster = await Cluster.start({ brokers: 3, simulation, topics, replicaLagMs: 30_000 });
    await scenario(cluster, dialOf(network, client), client);
    await cluster.close();
  }, 60_000);
}

test("a cluster runs in a simulated world, with a broker killed and started again", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await run(seed);
    assert.isUndefined(report.failure, `seed ${seed}: ${report.failure}`);
    assert.isAtLeast(report.virtualMs, 500);
    assert.deepEqual(await run(seed), report);
  }
});

test("a simulated cluster's ids follow from the seed", async () => {
  const idOf = async (seed: number) => {
    const world = new SimulatedWorld(seed);
    let id = "";
    await world.run(async () => {
      const cluster = await Cluster.start({ simulation: { world, network: new Network(world) }, topics: { t: {} } });
      id = `${cluster.clusterId} ${cluster.topics.get("t")!.id}`;
      await cluster.close();
    });
    return id;
  };
  assert.equal(await idOf(1), await idOf(1));
  assert.notEqual(await idOf(1), await idOf(2));
});

test("a cluster over memory runs in one simulated process", async () => {
  const world = new SimulatedWorld(7);
  const report = await world.run(async () => {
    const cluster = await Cluster.start({ world: world.process("all"), topics: { t: {} } });
    const line = await Line.to(cluster);
    assert.lengthOf((await line.ask(metadata, 1, { topics: null })).topics, 1);
    line.close();
    await cluster.close();
  });
  assert.isUndefined(report.failure);
});
