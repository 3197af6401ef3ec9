/** Batches by themselves: when they close, in which order they leave, and how they are written anew. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { recordSizeMax } from "../../../src/records/builder.ts";
import { Accumulator, type Batch, emptyQueue, type PartitionQueue } from "../../../src/producer/accumulator.ts";
import { BufferPool } from "../../../src/producer/buffers.ts";
import { Call, type CallOwner, type Part, Round } from "../../../src/producer/call.ts";
import type { Outgoing } from "../../../src/producer/message.ts";
import { Numbering } from "../../../src/producer/numbering.ts";
import { halves, rewritten } from "../../../src/producer/rewrite.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { test } from "../../harness.ts";

/** The owner of calls whose end does not matter. */
const NOBODY: CallOwner = { wantsReports: false, settled: () => {}, told: () => {}, roundOver: () => {} };

const SETTINGS = { batchBytes: 1000, lingerMs: 10, maxInFlight: 5 };

function accumulatorOf(settings: Partial<typeof SETTINGS> = {}): Accumulator {
  return new Accumulator({ ...SETTINGS, ...settings }, new BufferPool(1000, 10_000));
}

function callOf(count: number): Call {
  return new Call({ owner: NOBODY, round: new Round(NOBODY), number: 0, count, isSingle: false, wait: undefined });
}

function message(value: string, headers: Outgoing["headers"] = []): Outgoing {
  return { topic: "t", partition: undefined, key: null, value, headers, timestamp: 7 };
}

/** What the intake does with a message that may go at once. */
function put(accumulator: Accumulator, queue: PartitionQueue, one: Outgoing, call: Call, index: number): number {
  const open = accumulator.open(queue);
  if (open && accumulator.hasRoom(open, recordSizeMax(2, one))) return accumulator.append(open, one, call, index);
  if (open) open.sealed = true;
  return accumulator.append(accumulator.begin(queue, 2, 100, index), one, call, index);
}

function filled(values: readonly string[], settings: Partial<typeof SETTINGS> = {}) {
  const accumulator = accumulatorOf(settings);
  const call = callOf(values.length);
  const queue = emptyQueue("t", 0);
  values.forEach((value, i) => put(accumulator, queue, message(value), call, i));
  return { accumulator, call, queue };
}

function indexesOf(part: Part): number[] {
  return Array.from({ length: part.count }, (_, i) => part.indexAt(i));
}

function valuesOf({ builder }: Pick<Batch, "builder">): string[] {
  const bytes = builder.build({ compression: "none", codecs: {} }) as Uint8Array;
  const origin = { topic: "t", partition: 0 };
  const options = { codecs: {}, checkCrc: true, decompressedLimit: 1e6 };
  return recordBatches(bytes, origin).flatMap((batch) =>
    [...batch.open(origin, options) as Iterable<{ text(): string }>].map((one) => one.text())
  );
}

test("a batch is ready when it is full, has lingered, or somebody hurries", () => {
  const { accumulator, queue } = filled(["a"]);
  assert.isFalse(accumulator.isReady(queue, 5, false));
  assert.isTrue(accumulator.isReady(queue, 5, true));
  assert.isTrue(accumulator.isReady(queue, 10, false));
  assert.equal(accumulator.readyAt(queue, false), 10);
  assert.equal(accumulator.readyAt(queue, true), 0);
  const full = filled(["a".repeat(600), "b".repeat(600)]);
  assert.isTrue(full.accumulator.isReady(full.queue, 0, false));
});

/** A batch has its end, and everybody was told. */
function finish(accumulator: Accumulator, batch: Batch): void {
  accumulator.end(batch);
  batch.outcome = { baseOffset: 0, logAppendTimeMs: -1 };
  batch.told = true;
  accumulator.leave(batch.queue);
}

test("without numbers one batch of a partition is in flight, and a failed one goes before those behind it", () => {
  const { accumulator, queue } = filled(["a", "b", "c"], { batchBytes: 1 });
  const first = accumulator.take(queue, 1);
  assert.isFalse(accumulator.isReady(queue, 1000, true));
  assert.equal(accumulator.readyAt(queue, true), Infinity);
  first.retryAt = 50;
  accumulator.putBack(first);
  assert.isFalse(accumulator.isReady(queue, 40, true));
  assert.equal(accumulator.readyAt(queue, true), 50);
  assert.equal(accumulator.take(queue, 1), first);
  finish(accumulator, first);
  assert.deepEqual(valuesOf(accumulator.take(queue, 1)), ["b"]);
});

test("with numbers one batch is in flight until the first is acknowledged, then five, and one again after a failure", () => {
  const { accumulator, queue } = filled([..."abcdefgh"], { batchBytes: 1 });
  const numbering = queue.numbering = new Numbering();
  numbering.begin({ producerId: 7, epoch: 0 });
  const first = accumulator.take(queue, 1);
  assert.isFalse(accumulator.isReady(queue, 1000, true));
  numbering.prove();
  const more = Array.from({ length: 4 }, () => {
    assert.isTrue(accumulator.isReady(queue, 0, false));
    return accumulator.take(queue, 1);
  });
  assert.isFalse(accumulator.isReady(queue, 1000, true));
  assert.deepEqual(more.map(valuesOf), [["b"], ["c"], ["d"], ["e"]]);
  numbering.doubt();
  finish(accumulator, first);
  assert.isFalse(accumulator.isReady(queue, 1000, true));
});

test("no batch is sent further behind the oldest without an end than a leader remembers", () => {
  const { accumulator, queue } = filled([..."abcdefgh"], { batchBytes: 1 });
  queue.numbering = new Numbering();
  queue.numbering.begin({ producerId: 7, epoch: 0 });
  queue.numbering.prove();
  const [first, ...more] = Array.from({ length: 5 }, () => accumulator.take(queue, 1));
  accumulator.putBack(first!);
  for (const batch of more) {
    accumulator.end(batch); // written, but told only behind the first
    batch.outcome = { baseOffset: 0, logAppendTimeMs: -1 };
  }
  assert.equal(accumulator.take(queue, 1), first);
  assert.isFalse(accumulator.isReady(queue, 1000, true));
  for (const batch of [first!, ...more]) batch.told = true;
  accumulator.end(first!);
  accumulator.leave(queue);
  assert.deepEqual(valuesOf(accumulator.take(queue, 1)), ["f"]);
});

test("a batch that is not full waits while others of its partition are on their way, unless somebody hurries", () => {
  const { accumulator, queue } = filled(["a".repeat(1000), "b"], { batchBytes: 500 });
  queue.numbering = new Numbering();
  queue.numbering.begin({ producerId: 7, epoch: 0 });
  queue.numbering.prove();
  const first = accumulator.take(queue, 1);
  assert.isFalse(accumulator.isReady(queue, 1000, false));
  assert.equal(accumulator.readyAt(queue, false), Infinity);
  assert.isTrue(accumulator.isReady(queue, 1000, true));
  finish(accumulator, first);
  assert.isTrue(accumulator.isReady(queue, 1000, false));
});

test("nothing follows a batch that waits again, nor one that is not on its way yet", () => {
  const { accumulator, queue } = filled(["a", "b", "c"], { batchBytes: 1 });
  queue.numbering = new Numbering();
  queue.numbering.begin({ producerId: 7, epoch: 0 });
  queue.numbering.prove();
  const [first, second, third] = [accumulator.take(queue, 1), accumulator.take(queue, 1), accumulator.take(queue, 1)];
  assert.deepEqual([first, second, third].map((one) => accumulator.mayFollow(one)), [true, false, false]);
  first.state = "underWay";
  second.state = "underWay";
  assert.isTrue(accumulator.mayFollow(third));
  accumulator.putBack(second);
  assert.isFalse(accumulator.mayFollow(third));
  accumulator.hold(third);
  assert.isFalse(accumulator.isReady(queue, 1000, true), "held until the first is back");
  finish(accumulator, first);
  assert.equal(accumulator.next(queue), second);
  assert.isTrue(accumulator.isReady(queue, 1000, true));
});

test("where numbers are broken, only what may have been written is sent", () => {
  const { accumulator, queue } = filled([..."abcd"], { batchBytes: 1 });
  const numbering = queue.numbering = new Numbering();
  numbering.begin({ producerId: 7, epoch: 0 });
  numbering.prove();
  const [first, second] = [accumulator.take(queue, 1), accumulator.take(queue, 1)];
  for (const batch of [first, second]) {
    batch.stamp = numbering.stamp(1);
    accumulator.putBack(batch);
  }
  second.ambiguous = true;
  numbering.break();
  assert.equal(accumulator.next(queue), second);
  assert.isTrue(accumulator.mayFollow(second));
  assert.isFalse(accumulator.mayFollow(first));
  second.ambiguous = false;
  assert.isUndefined(accumulator.next(queue));
  assert.isFalse(accumulator.isReady(queue, 1000, true));
});

test("what is late is told oldest first; what is in flight stays in its place, and what has ended takes no more", () => {
  const { accumulator, queue } = filled(["a", "b"], { batchBytes: 50 });
  const first = accumulator.take(queue, 1);
  assert.isEmpty(accumulator.late(99));
  assert.equal(accumulator.deadlineOf(queue), 100);
  const late = accumulator.late(100);
  assert.deepEqual(late.map(valuesOf), [["a"], ["b"]]);
  const error = new KafkaError("DELIVERY_TIMEOUT", "too late");
  for (const batch of late) Object.assign(batch, { outcome: error, told: true });
  accumulator.end(late[1]!);
  assert.equal(accumulator.leave(queue), 0);
  assert.equal(accumulator.deadlineOf(queue), Infinity);
  assert.isEmpty(accumulator.late(1000));
  assert.isUndefined(accumulator.open(queue), "nothing is put into a batch that was given up");
  assert.lengthOf([...accumulator.queues], 1);
  accumulator.end(first);
  assert.equal(accumulator.leave(queue), first.heldBytes + late[1]!.heldBytes);
  assert.isEmpty([...accumulator.queues]);
});

test("a record that cannot be encoded leaves no empty batch, and nothing in one that has others", () => {
  const accumulator = accumulatorOf();
  const queue = emptyQueue("t", 0);
  const bad = { ...message("a"), timestamp: 0.5 };
  const call = callOf(1);
  assert.throws(() => put(accumulator, queue, bad, call, 0));
  assert.isEmpty([...accumulator.queues]);
  put(accumulator, queue, message("b"), call, 0);
  const { heldBytes } = accumulator.open(queue)!;
  assert.throws(() => put(accumulator, queue, bad, call, 0));
  assert.equal(accumulator.open(queue)!.heldBytes, heldBytes);
  assert.deepEqual(valuesOf(accumulator.take(queue, 1)), ["b"]);
});

test("a batch holds as many bytes of the buffer as it has", () => {
  const accumulator = accumulatorOf();
  const queue = emptyQueue("t", 0);
  const call = callOf(3);
  let held = 0;
  for (let i = 0; i < 3; i++) held += put(accumulator, queue, message("ä".repeat(i)), call, i);
  const batch = accumulator.open(queue)!;
  assert.equal(held, batch.builder.size);
  assert.equal(batch.heldBytes, held);
});

test("the messages of a part keep their places and timestamps, in order or not", () => {
  const call = callOf(10);
  const { accumulator, queue } = filled([]);
  const places = [2, 3, 4, 7, 8, 5];
  places.forEach((index, i) => put(accumulator, queue, { ...message("m"), timestamp: 100 + (i >> 1) }, call, index));
  const [part, more] = accumulator.take(queue, 1).parts;
  assert.isUndefined(more);
  assert.deepEqual(indexesOf(part!), places);
  assert.deepEqual(places.map((_, i) => part!.timestampAt(i)), [100, 100, 101, 101, 102, 102]);
  part!.succeeded("t", 0, 50, -1);
  assert.deepEqual(call.reports[7], { topic: "t", partition: 0, offset: 53, timestamp: 101 });
  assert.deepEqual(call.reports[5], { topic: "t", partition: 0, offset: 55, timestamp: 102 });
  assert.isUndefined(call.reports[6]);
});

test("a round is over when nothing of it is open and nothing can be added, once", () => {
  const over: Round[] = [];
  const round = new Round({ ...NOBODY, roundOver: (round) => over.push(round) });
  round.add(2);
  round.acknowledged(2);
  round.add(1);
  round.seal();
  assert.isEmpty(over);
  round.acknowledged(1);
  assert.deepEqual(over, [round]);
});

test("buffers that came back are given out again, up to a number of bytes", () => {
  const pool = new BufferPool(100_000, 130_000);
  const buffers = [1, 4096, 4097, 100_000, 100_001].map((size) => pool.take(size));
  assert.deepEqual(buffers.map(({ length }) => length), [4096, 4096, 16384, 100_000, 100_001]);
  for (const buffer of buffers) pool.give(buffer);
  assert.equal(pool.take(99_000), buffers[3]);
  assert.notEqual(pool.take(99_000), buffers[3]);
  assert.notEqual(pool.take(100_001), buffers[4], "larger ones are not kept");
  pool.give(pool.take(100_000));
  pool.give(new Uint8Array(100_000));
  pool.take(100_000);
  assert.equal(pool.take(4096), buffers[1]);
});

test("halves hold the same records, calls and bytes", () => {
  const { accumulator, queue, call } = filled(["a", "b", "c", "d", "e"]);
  const batch = accumulator.take(queue, 1);
  const [first, second] = halves(batch);
  assert.deepEqual([valuesOf(first), valuesOf(second)], [["a", "b"], ["c", "d", "e"]]);
  assert.deepEqual([first, second].map(({ parts }) => parts.map(indexesOf)), [[[0, 1]], [[2, 3, 4]]]);
  assert.equal(first.parts[0]!.recipient, call);
  assert.equal(first.heldBytes + second.heldBytes, batch.heldBytes);
  accumulator.split(batch, [first, second]);
  assert.equal(accumulator.take(queue, 1), first);
  assert.deepEqual(queue.batches, [first, second]);
});

test("halves share the numbers of what was one", () => {
  const { accumulator, queue } = filled(["a", "b", "c"]);
  const batch = accumulator.take(queue, 1);
  batch.stamp = { producerId: 7, epoch: 3, sequence: 0x7fffffff };
  assert.deepEqual(halves(batch).map(({ stamp }) => stamp), [
    { producerId: 7, epoch: 3, sequence: 0x7fffffff },
    { producerId: 7, epoch: 3, sequence: 0 },
  ]);
});

test("a batch is written anew for an older leader, unless it has headers", () => {
  const { accumulator, queue } = filled(["a", "b"]);
  const batch = accumulator.take(queue, 1);
  for (const magic of [1, 0] as const) {
    const builder = rewritten(batch, magic);
    assert.equal(builder.magic, magic);
    assert.deepEqual(valuesOf({ builder }), ["a", "b"]);
  }
  const headed = filled([]);
  put(headed.accumulator, headed.queue, message("a", [["h", "1"]]), callOf(1), 0);
  assert.throws(() => rewritten(headed.accumulator.take(headed.queue, 1), 1), /UNSUPPORTED_FEATURE/);
});
