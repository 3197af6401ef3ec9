/** Messages without a key: spread by bytes, away from what has no leader, from slow brokers, and from those that hang. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { type PartitionState, StickyPartition } from "../../../src/producer/sticky.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { SimulatedWorld } from "../../../src/testing/world.ts";
import { test } from "../../harness.ts";
import { play } from "../client/rig.ts";

const settings = { stickyBytes: 1000, unavailableAfterMs: Infinity };

function led(leaders: readonly number[]) {
  return leaders.map((leader, partition) => ({
    ...{ partition, leader, leaderEpoch: 0, replicas: [], inSyncReplicas: [], offlineReplicas: [] },
  }));
}

/** A partition that holds batches of so many bytes, the first of them under way. */
function holding(first?: number, ...others: readonly number[]): PartitionState {
  const sizes = first === undefined ? others : [first, ...others];
  return {
    underWay: first === undefined ? 0 : 1,
    batches: sizes.map((heldBytes) => ({ heldBytes, createdAt: 0 })),
  };
}

/** How often each partition is drawn, each time anew. */
function drawn(leaders: readonly number[], states: readonly PartitionState[], of = settings): number[] {
  const world = new SimulatedWorld(1).process("producer");
  const counts = leaders.map(() => 0);
  for (let i = 0; i < 4000; i++) counts[new StickyPartition(world, of).choose(led(leaders), states)]!++;
  return counts;
}

test("it keeps to a partition until that has its bytes, or until its batch goes out; behind that it fills up another", () => {
  const sticky = new StickyPartition(new SimulatedWorld(1).process("producer"), settings);
  const partitions = led([-1, 1, -1, 2]);
  const kept = sticky.choose(partitions, []);
  const other = 4 - kept;
  const states = (of: PartitionState) => partitions.map((_, i) => i === kept ? of : holding());
  sticky.appended(kept, 999);
  sticky.appended(other, 5000);
  assert.equal(sticky.choose(partitions, states(holding(undefined, 999))), kept);
  assert.equal(sticky.choose(partitions, states(holding(5, 999))), kept, "it fills up behind");
  assert.equal(sticky.choose(partitions, states(holding(999))), other);
  sticky.appended(other, 1000);
  const next = Array.from({ length: 20 }, () => {
    const chosen = sticky.choose(partitions, []);
    sticky.appended(chosen, 1000);
    return chosen;
  });
  assert.sameMembers([...new Set(next)], [1, 3]);
});

test("what has a leader and holds nothing is drawn, each as likely, wherever it stands", () => {
  const [a, b, c, d, e, f] = drawn([-1, 1, 1, 1, 2, 2], [
    holding(),
    holding(5),
    holding(5),
    holding(),
    holding(),
    holding(undefined, 5),
  ]);
  assert.deepEqual([a, b, c, f], [0, 0, 0, 0]);
  assert.closeTo(d!, 2000, 200);
  assert.closeTo(e!, 2000, 200);
});

test("where all are busy, the less one holds the likelier it is", () => {
  const [a, b, c] = drawn([1, 1, 1], [holding(100), holding(100, 600, 300), holding(200, 300)]);
  assert.closeTo(a!, 4000 * 901 / 1403, 200);
  assert.isBelow(b!, 30);
  assert.closeTo(c!, 4000 * 501 / 1403, 200);
  const even = drawn([1, 1, -1, 1], [holding(9), holding(9), holding(), holding(9)]);
  assert.equal(even[2], 0);
  for (const i of [0, 1, 3]) assert.closeTo(even[i]!, 4000 / 3, 200);
});

test("without a leader anywhere any will do", () => {
  for (const count of drawn([-1, -1], [])) assert.closeTo(count, 2000, 200);
});

test("a broker that leaves a batch without an answer for too long is left out, with all that it leads, if others are there", async () => {
  const world = new SimulatedWorld(1);
  const process = world.process("producer");
  const stale = { underWay: 1, batches: [{ heldBytes: 1, createdAt: 0 }] };
  const fresh = { underWay: 1, batches: [{ heldBytes: 900, createdAt: 60 }] };
  const chosen = (afterMs: number, leaders: readonly number[], states: readonly PartitionState[]) => {
    const of = { stickyBytes: 1000, unavailableAfterMs: afterMs };
    return new Set(Array.from({ length: 200 }, () => new StickyPartition(process, of).choose(led(leaders), states)));
  };
  const report = await world.run(async () => {
    await process.sleep(100);
    assert.deepEqual([...chosen(50, [1, 1, 2], [stale, holding(), fresh])], [2]);
    assert.deepEqual([...chosen(Infinity, [1, 1, 2], [stale, holding(), fresh])], [1]);
    assert.deepEqual([...chosen(200, [1, 1, 2], [stale, holding(), fresh])], [1]);
    assert.sameMembers([...chosen(50, [1, 2], [stale, stale])], [0, 1]);
  });
  assert.isUndefined(report.failure, String(world.cause));
});

/** The share of the bytes that each partition got, over some seeds; partition i's broker answers after `delays[i]`. */
async function shares(delays: readonly number[], load: Load): Promise<number[]> {
  const bytes = delays.map(() => 0);
  for (let seed = 1; seed <= SEEDS; seed++) {
    const brokers = delays.length;
    await play({ seed, brokers, topics: { t: { partitions: brokers } } }, async ({ client, cluster, process }) => {
      const topic = await client.topic("t");
      const slow = new Map([...topic.partitions.values()].map(({ partition, leader }) => [leader, delays[partition]!]));
      cluster.control(produce, async ({ broker, answer }) => {
        await process.sleep(slow.get(broker)!);
        return await answer();
      }, Infinity);
      // The timestamp comes back with the report: it carries how many bytes the message has.
      const producer = topic.producer({
        onDelivery(report) {
          if (!(report instanceof KafkaError)) bytes[report.partition]! += report.timestamp;
        },
      });
      const sizes = process.chance.fork("sizes");
      for (let i = 0; i < load.lists; i++) {
        const list = Array.from({ length: load.list }, () => sizes.below(300));
        await producer.enqueue(list.map((size) => ({ value: "x".repeat(size), timestamp: size })));
        await process.sleep(load.gapMs);
      }
      await producer.close();
    });
  }
  const sum = bytes.reduce((a, b) => a + b);
  return bytes.map((some) => some / sum);
}

interface Load {
  readonly gapMs: number;
  readonly list: number;
  readonly lists: number;
}

const SEEDS = 4;

/** From single messages that find most partitions idle to lists that find all of them busy. */
const loads: readonly Load[] = [
  { gapMs: 1, list: 1, lists: 2000 },
  { gapMs: 0.1, list: 1, lists: 5000 },
  { gapMs: 0.1, list: 10, lists: 2000 },
  { gapMs: 1, list: 60, lists: 400 },
];

for (const load of loads) {
  const what = `${load.list} messages every ${load.gapMs} ms`;
  test(`equal brokers get as many bytes each: ${what}`, async () => {
    for (const share of await shares([5, 5, 5, 5], load)) assert.closeTo(share, 0.25, 0.06);
  });

  test(`a somewhat slower broker gets no more than others, a slow one less, and the others as much each: ${what}`, async () => {
    const [, , slower] = await shares([5, 5, 20, 5], load);
    assert.isBelow(slower!, 0.28);
    const [a, b, slow, d] = await shares([5, 5, 200, 5], load);
    assert.isBelow(slow!, 0.18);
    for (const share of [a, b, d]) assert.closeTo(share!, (1 - slow!) / 3, 0.06);
  });
}

test("partitionerAvailabilityTimeoutMs keeps messages from a broker that hangs; without it each of its partitions gets some", async () => {
  const lost: number[] = [];
  for (const partitionerAvailabilityTimeoutMs of [0, 200]) {
    await play({ brokers: 2, topics: { t: { partitions: 20 } } }, async ({ client, cluster, process }) => {
      cluster.control(produce, ({ broker }) => broker === 2 ? "drop" : undefined, Infinity);
      const topic = await client.topic("t");
      const producer = topic.producer({
        ...{ batchBytes: 1, deliveryTimeoutMs: 5000, partitionerAvailabilityTimeoutMs },
      });
      const ends: Promise<unknown>[] = [];
      for (let i = 0; i < 100; i++) {
        ends.push(producer.produce("x"));
        await process.sleep(50);
      }
      lost.push((await Promise.allSettled(ends)).filter(({ status }) => status === "rejected").length);
    });
  }
  assert.isAtLeast(lost[0]!, 10);
  assert.isBelow(lost[1]!, 7);
});
