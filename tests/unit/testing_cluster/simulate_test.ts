/** What users' simulated tests begin with: seeds that pass, seeds that fail and how that is told, machines and faults. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import type { Fault } from "../../../src/testing/faults.ts";
import { simulate, type SimulateOptions, type Simulation } from "../../../src/testing/simulate.ts";
import { test } from "../../harness.ts";

const options = { topics: { t: {} } };

/** How a simulation fails. */
async function failure(more: SimulateOptions, body: (simulation: Simulation) => Promise<void>): Promise<Error> {
  try {
    await simulate({ ...options, ...more }, body);
  } catch (error) {
    return error as Error;
  }
  throw new Error("it passed");
}

/** Produces something, and reads it. */
async function roundTrip({ client, world }: Simulation): Promise<void> {
  const topic = await client.topic("t");
  await topic.producer().produce(["a", "b"]);
  await world.sleep(1_800_000);
  const texts: (string | null)[] = [];
  for await (const message of topic.simpleConsumer({ until: "end" })) texts.push(message.text());
  assert.deepEqual(texts, ["a", "b"]);
}

test("every seed is played in a world of its own, and comes to the same each time; what is left open on its client is closed", async () => {
  const five = { seeds: 5 };
  const reports = await simulate({ ...options, ...five }, roundTrip);
  assert.deepEqual(reports.map(({ seed }) => seed), [1, 2, 3, 4, 5]);
  assert.lengthOf(new Set(reports.map(({ hash }) => hash)), 5);
  assert.isAbove(reports[0]!.virtualMs, 1_800_000);
  assert.deepEqual(await simulate({ ...options, ...five, seed: 3 }, roundTrip), [reports[2]!]);
  const faulty = { ...options, ...five, brokers: 3, faultsForMs: 20_000, topics: { t: { replicationFactor: 3 } } };
  assert.deepEqual(await simulate(faulty, roundTrip), await simulate(faulty, roundTrip));
});

test("the first seed that fails is told, with when, why, how to see it again, and what was thrown", async () => {
  const played: number[] = [];
  const mine = new Error("mine");
  const error = await failure({ seeds: 9 }, async ({ world }) => {
    const { seed } = world.world;
    played.push(seed);
    await world.sleep(1500);
    if (seed === 4) throw mine;
  });
  assert.match(
    error.message,
    /^seed 4 fails after 1\.\d+ s of its own time: Error: mine\nTo see it again: \{ seed: 4 \}$/,
  );
  assert.equal(error.cause, mine);
  assert.deepEqual(played, [1, 2, 3, 4], "without faults there is nothing to shrink");
});

test("a simulation fails by what is left over, by what is real, and by what never ends", async () => {
  const left = await failure({}, ({ world }) => {
    world.timer(1000, () => {});
    return Promise.resolve();
  });
  assert.match(left.message, /left over: application \(timer\)/);
  const real = await failure({}, () => new Promise<void>((resolve) => setTimeout(resolve, 10)));
  assert.match(real.message, /setTimeout was called: a simulated world has its own|setTimeout is not of this world/);
  const endless = await failure({ limitMs: 5000 }, ({ world }) => world.sleep(6000));
  assert.match(endless.message, /no end in sight; waiting: .*application \(.*sleep/);
  const stuck = await failure({}, async ({ client, world }) => {
    await client.close();
    await world.deferred<void>("Godot").promise;
  });
  assert.match(stuck.message, /waiting: .*Godot/);
});

test("machines have clocks of their own; one that is killed says nothing more, and leaves nothing to close", async () => {
  const kept: string[] = [];
  await simulate({ ...options, seeds: 3 }, async ({ client, world, machine }) => {
    const other = machine("other");
    other.world.skew = 3_600_000;
    assert.closeTo(other.world.wall() - world.wall(), 3_600_000, 1);
    const theirs = (await (await other.connect({ clientId: "theirs" })).topic("t")).producer();
    await theirs.produce("before");
    theirs.enqueue("lost"); // a close would wait for it
    other.world.timer(500, () => kept.push("never"));
    other.world.kill();
    await world.sleep(1000);
    const mine = await client.topic("t");
    for await (const message of mine.simpleConsumer({ until: "end" })) kept.push(message.text()!);
  });
  assert.deepEqual(kept, ["before", "before", "before"]);
});

test("a broker that dies by a fault comes back; of many faults the fewest are told with which a seed still fails", async () => {
  const crash: Fault = { at: 1000, kind: "crash", which: 0, ms: 60_000 };
  const others = [0, 1, 2].map((which): Fault => ({ at: 2000, kind: "freeze", which, ms: 5 }));
  let lives = 0;
  const look = async ({ cluster, world }: Simulation, atMs: number) => {
    await world.sleep(atMs);
    if (cluster.brokers.some(({ alive }) => !alive)) throw new Error("a broker is down");
    lives++;
  };
  const error = await failure(
    { seed: 7, brokers: 2, faults: [...others, crash] },
    (simulation) => look(simulation, 30_000),
  );
  assert.include(error.message, `To see it again: { seed: 7, faults: ${JSON.stringify([crash])} }`);
  lives = 0;
  await simulate({ ...options, seed: 7, brokers: 2, faults: [crash] }, (simulation) => look(simulation, 62_000));
  assert.equal(lives, 1);
});

test("options are checked by name, the cluster's too", async () => {
  const wrong = await simulate({ seedz: 5 } as SimulateOptions, () => Promise.resolve()).catch((error) => error);
  assert.instanceOf(wrong, KafkaError);
  assert.match(wrong.message, /simulate has no option seedz; it knows .*seeds/);
  assert.match((await failure({ release: "0.7" }, () => Promise.resolve())).message, /release must be/);
});
