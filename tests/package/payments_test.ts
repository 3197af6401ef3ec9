/** An application that takes its time from a world: what goes wrong in its third minute is found in a second, and seen again. */

import { assert } from "chai";
import { type Machine, simulate, type SimulateOptions, type Simulation } from "@samsa/kafka/testing";
import { Payments, Recent } from "../examples/payments.ts";
import { test } from "../harness.ts";

/** As it was first written: an order is forgotten two minutes after it has come for the first time. */
class Forgetful extends Recent {
  override hasCome(order: string, now: number): boolean {
    this.forget(now);
    if (this.cameAt.has(order)) return true;
    this.cameAt.set(order, now);
    return false;
  }
}

/** Sends each of a few orders up to five times, less than a minute apart. */
async function shop({ connect, world }: Machine): Promise<void> {
  const orders = await (await connect()).topic("orders");
  const producer = orders.producer();
  await Promise.all(["first", "second", "third"].map(async (order) => {
    for (let times = 1 + Math.floor(world.random() * 5); times > 0; times--) {
      await producer.produce(order);
      await world.sleep(world.random() * 60_000);
    }
  }));
}

/** Lets the application and the shop work, and fails as soon as an order is paid for the second time. */
async function business({ client, world, machine }: Simulation, recent: Recent): Promise<void> {
  const paid = new Set<string>();
  const payments = new Payments(
    (order) => {
      if (paid.has(order)) throw new Error(`the ${order} order is paid twice`);
      paid.add(order);
    },
    world,
    recent,
  );
  const consumer = (await client.topic("orders")).simpleConsumer();
  const closing = async () => {
    await shop(machine("shop"));
    await world.sleep(5_000); // what came last is on its way
    await consumer.close();
  };
  await Promise.all([payments.run(consumer), closing()]);
  assert.equal(paid.size, 3);
}

const options = { topics: { orders: {} } };

async function failureOf(more: SimulateOptions, recent: () => Recent): Promise<Error> {
  try {
    await simulate({ ...options, ...more }, (simulation) => business(simulation, recent()));
  } catch (error) {
    return error as Error;
  }
  throw new Error("all seeds passed");
}

test("a fault of the third minute is found within a second, over some seeds, and seen again by its seed", async () => {
  const before = performance.now();
  const { message, cause } = await failureOf({}, () => new Forgetful());
  assert.isBelow(performance.now() - before, 5_000, "a second, but for busy machines");
  const [, seed, seconds] = /^seed (\d+) fails after (\d+\.\d+) s of its own time: Error: the \w+ order is paid twice$/m
    .exec(message)!;
  assert.isAbove(Number(seconds), 120);
  assert.match((cause as Error).message, /is paid twice/);
  assert.include(message, `To see it again: { seed: ${seed} }`);
  const again = await failureOf({ seed: Number(seed) }, () => new Forgetful());
  assert.equal(again.message, message, "to the millisecond");
});

test("what has not come for two minutes is forgotten, though something older has come again", () => {
  const recent = new Recent();
  assert.isFalse(recent.hasCome("a", 0));
  assert.isFalse(recent.hasCome("b", 1));
  assert.isTrue(recent.hasCome("a", 100_000));
  assert.isFalse(recent.hasCome("c", 125_000));
  assert.deepEqual([...recent.cameAt.keys()], ["a", "c"]);
});

test("the application as it is now pays each order once, in all seeds, and while things go wrong", async () => {
  const reports = await simulate({ ...options, seeds: 50 }, (simulation) => business(simulation, new Recent()));
  assert.lengthOf(reports, 50);
  assert.isAbove(Math.max(...reports.map(({ virtualMs }) => virtualMs)), 180_000);
  await simulate(
    { ...options, brokers: 3, faultsForMs: 60_000 },
    (simulation) => business(simulation, new Recent()),
  );
});
