/** The judge of the runs in which brokers die: it tells our faults from the brokers', and sees each of them. */

import { assert } from "chai";
import { test } from "../../harness.ts";
import { type Evidence, type Id, idOf, judge, type PartitionLog } from "./verdict.ts";

/** One partition, whose log holds these sequence numbers of producer 0; batches by where they begin. */
function log(sequences: readonly number[], batches?: Readonly<Record<number, number>>): PartitionLog {
  const borders = batches && new Map(Object.entries(batches).map(([at, size]) => [Number(at), size]));
  return { ids: sequences.map((sequence) => idOf(0, sequence)), batches: borders };
}

/** A run whose log is this one in all places, and that acknowledged the last occurrence of each message; then as told. */
function run(
  sequences: readonly number[],
  changes: Partial<Evidence> = {},
  batches?: Readonly<Record<number, number>>,
) {
  const ids: Id[] = sequences.map((sequence) => idOf(0, sequence));
  return judge({
    once: false,
    produced: [[Math.max(...sequences) + 1]],
    acknowledged: [new Map(ids.map((id, offset) => [id, offset]))],
    log: [log(sequences, batches)],
    readers: [reader(sequences)],
    kept: [],
    replicas: [{ broker: 1, partitions: [log(sequences)] }],
    ...changes,
  });
}

function reader(sequences: readonly number[], offsets: readonly number[] = sequences.map((_, offset) => offset)) {
  return { name: "consumer 0", partitions: [{ offsets, ids: sequences.map((sequence) => idOf(0, sequence)) }] };
}

const acknowledged = (...sequences: number[]) => [new Map(sequences.map((sequence, at) => [idOf(0, sequence), at]))];
const kept = (...logs: (readonly number[])[]) => logs.map((one, i) => ({ broker: i + 1, partitions: [log(one)] }));

test("a run in which nothing happened has no faults", () => {
  assert.deepEqual(run([0, 1, 2]), { ours: [], theirs: [], duplicates: 0, retries: 0 });
});

test("batches that were retried are counted, whole ones and those of which a replica had only the beginning", () => {
  const whole = run([0, 1, 2, 1, 2, 3], {}, { 0: 1, 1: 2, 3: 2, 5: 1 });
  assert.deepEqual(whole, { ours: [], theirs: [], duplicates: 2, retries: 1 });
  assert.deepEqual(run([0, 1, 1, 2, 3]), { ours: [], theirs: [], duplicates: 1, retries: 1 });
});

test("what comes again is our fault where producers are idempotent", () => {
  assert.lengthOf(run([0, 1, 2, 1, 2, 3], { once: true }, { 0: 1, 1: 2, 3: 2, 5: 1 }).ours, 2);
  assert.isEmpty(run([0, 1, 2, 3], { once: true }).ours);
});

test("a part of a batch that comes again is our fault", () => {
  assert.lengthOf(run([0, 1, 2, 2, 3], {}, { 0: 1, 1: 2, 3: 1, 4: 1 }).ours, 1);
  assert.lengthOf(run([0, 1, 2, 0, 2, 3]).ours, 1, "a repetition with a hole");
});

test("what overtakes is our fault", () => {
  assert.lengthOf(run([0, 2, 1, 3]).ours, 1);
});

test("what was never acknowledged is our fault", () => {
  assert.lengthOf(run([0, 1, 2], { acknowledged: acknowledged(0, 1) }).ours, 1);
});

test("what was acknowledged and is not there is our fault, unless two brokers' files have had it just there", () => {
  const gone = { produced: [[4]], acknowledged: acknowledged(0, 1, 2, 3) };
  assert.lengthOf(run([0, 1, 2], gone).ours, 1);
  assert.lengthOf(run([0, 1, 2], { ...gone, kept: kept([0, 1, 3], [0, 1, 3]) }).ours, 1, "elsewhere");
  const alone = { ...gone, kept: kept([0, 1, 2, 3], [0, 1, 2], [0, 1]) };
  assert.lengthOf(run([0, 1, 2], alone).ours, 1, "only its leader");
  const proved = run([0, 1, 2], { ...gone, kept: kept([0, 1, 2, 3], [0, 1, 2, 3]) });
  assert.deepEqual([proved.ours.length, proved.theirs.length], [0, 1]);
});

test("a hole in the order is the brokers' where they cut it", () => {
  const gone = { produced: [[3]], acknowledged: acknowledged(0, 1, 2) };
  const proved = run([0, 2], {
    ...gone,
    acknowledged: [new Map([[0, 0], [1, 1], [2, 1]])],
    kept: kept([0, 1], [0, 1, 2]),
  });
  assert.deepEqual([proved.ours, proved.theirs.length], [[], 1]);
  assert.isAbove(run([0, 2], { ...gone, acknowledged: [new Map([[0, 0], [1, 1], [2, 1]])] }).ours.length, 0);
});

test("a consumer that skips, repeats, stops early or reads something else is at fault", () => {
  assert.lengthOf(run([0, 1, 2], { readers: [reader([0, 2], [0, 2])] }).ours, 1);
  assert.isNotEmpty(run([0, 1, 2], { readers: [reader([0, 1, 1, 2], [0, 1, 1, 2])] }).ours);
  assert.lengthOf(run([0, 1, 2], { readers: [reader([0, 1])] }).ours, 1);
  assert.lengthOf(run([0, 1, 2], { readers: [reader([0, 1, 1])] }).ours, 1);
});

test("what a consumer read is the brokers' matter where they cut it off after it was acknowledged", () => {
  const lost = {
    produced: [[4]],
    acknowledged: [new Map([[0, 0], [1, 1], [2, 2], [3, 1]])],
    kept: kept([0, 3], [0], [0, 3]),
  };
  const verdict = run([0, 1, 2], { ...lost, readers: [reader([0, 3, 2], [0, 1, 2])] });
  assert.deepEqual([verdict.ours, verdict.theirs.length], [[], 2]);
});

test("replicas that differ are the brokers', a consumer that differs from all of them is ours", () => {
  const [short, long] = [log([0, 1]), log([0, 1, 2])];
  const diverged = [{ broker: 1, partitions: [long] }, { broker: 2, partitions: [short] }];
  const verdict = run([0, 1, 2], { replicas: diverged });
  assert.deepEqual([verdict.ours.length, verdict.theirs.length], [0, 1]);
  const other = [{ broker: 1, partitions: [short] }, { broker: 2, partitions: [short] }];
  assert.lengthOf(run([0, 1, 2], { replicas: other }).ours, 2);
});
