/** Producers and consumers whose sessions last a second or two, through whatever weather: nothing lost, doubled or out of order. */

import { assert } from "chai";
import type { ClientEvent } from "../../../src/base/events.ts";
import { plain } from "../../../src/connection/sasl/plain.ts";
import { scramSha256 } from "../../../src/connection/sasl/scram.ts";
import { simulate, type Simulation } from "../../../src/testing/simulate.ts";
import { settingOf, test } from "../../harness.ts";

const ALICE = { username: "alice", password: "secret" };
const PARTITIONS = 3;
const SEEDS = settingOf("SAMSA_SASL_SEEDS", 12);
const WORK_MS = 12_000;

/** What is written in a partition, and what is read of it, in order. */
async function work({ client, world, cluster }: Simulation, everyMs: number): Promise<void> {
  const topic = await client.topic("t");
  const producer = topic.producer({ lingerMs: 2 });
  const consumer = topic.simpleConsumer();
  const written: string[][] = Array.from({ length: PARTITIONS }, () => []);
  const read: string[][] = Array.from({ length: PARTITIONS }, () => []);
  const acknowledged: Promise<unknown>[] = [];
  const end = world.now() + WORK_MS;
  let count = 0, ended = 0;
  const reading = world.task("reading", async () => {
    for await (const message of consumer) {
      read[message.partition]!.push(message.text());
      if (message.text() === "end" && ++ended === PARTITIONS) break;
    }
  });
  while (world.now() < end) {
    const partition = count % PARTITIONS, value = String(count++);
    written[partition]!.push(value);
    acknowledged.push(producer.produce({ partition, value }));
    await world.sleep(everyMs);
  }
  await producer.produce(written.map((_, partition) => ({ partition, value: "end" })));
  await Promise.all(acknowledged);
  await reading;
  await consumer.close();
  for (const [partition, texts] of written.entries()) {
    assert.deepEqual(read[partition], [...texts, "end"], `partition ${partition}`);
    assert.lengthOf(await cluster.records("t", partition), texts.length + 1);
  }
}

const topics = { t: { partitions: PARTITIONS, replicationFactor: 3 } };

test("in good weather no request fails, and no connection is ever lost", async () => {
  for (const release of ["2.2", "2.8.2", "4.4.0"]) {
    for (const [sessionLifetimeMs, sasl] of [[1000, plain(ALICE)], [1700, scramSha256(() => ALICE)]] as const) {
      const events: ClientEvent[] = [];
      const onEvent = (event: ClientEvent) => void events.push(event);
      await simulate({
        ...{ release, brokers: 3, topics, seeds: 1, strict: true },
        sasl: { users: { alice: ALICE.password }, sessionLifetimeMs },
        client: { sasl, onEvent },
      }, async (simulation) => {
        await work(simulation, 7);
        const lost = events.filter((event) => event.type === "disconnected" && !event.expected);
        assert.deepEqual(lost, [], "connections that were lost");
        const renewals = events.filter((event) => event.type === "authenticated" && event.again);
        assert.isAbove(renewals.length, 3 * WORK_MS / 2500, `${release}: for each of the three producing connections`);
      });
    }
  }
});

test("in bad weather nothing is lost, doubled or out of order", async () => {
  for (const release of ["2.8.2", "4.4.0"]) {
    await simulate({
      ...{ release, brokers: 3, topics, seeds: SEEDS, strict: true, faultsForMs: WORK_MS },
      sasl: { users: { alice: ALICE.password }, sessionLifetimeMs: 1500 },
      client: { sasl: plain(ALICE), bootstrapTimeoutMs: 60_000 },
    }, (simulation) => work(simulation, 29));
  }
});
