/** Batches by themselves: when they close, in which order they leave, and how they are written anew. */

import { assert } from "chai";
import { recordSizeMax } from "../../../src/records/builder.ts";
import { Accumulator, type Batch } from "../../../src/producer/accumulator.ts";
import { Call } from "../../../src/producer/call.ts";
import type { Outgoing } from "../../../src/producer/message.ts";
import { halves, rewritten } from "../../../src/producer/rewrite.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { test } from "../../harness.ts";

/** The owner of calls whose end does not matter. */
const NOBODY = { settled: () => {} };

function message(value: string, headers: Outgoing["headers"] = []): Outgoing {
  return { topic: "t", partition: undefined, key: null, value, headers, timestamp: 7 };
}

function filled(values: readonly string[], settings: Partial<ConstructorParameters<typeof Accumulator>[0]> = {}) {
  const accumulator = new Accumulator({ batchBytes: 1000, lingerMs: 10, ...settings });
  const messages = values.map((value) => message(value));
  const call = new Call(NOBODY, 0, messages, 100, undefined);
  messages.forEach((one, i) => {
    accumulator.append(2, one, 0, call, i, recordSizeMax(2, one), i);
  });
  const [queue] = accumulator.queues;
  return { accumulator, call, queue: queue! };
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

test("one batch of a partition is in flight, and a failed one goes before those behind it", () => {
  const { accumulator, queue } = filled(["a", "b", "c"], { batchBytes: 1 });
  const first = accumulator.take(queue);
  assert.isFalse(accumulator.isReady(queue, 1000, true));
  first.retryAt = 50;
  accumulator.putBack(first);
  assert.isFalse(accumulator.isReady(queue, 40, true));
  assert.equal(accumulator.readyAt(queue, true), 50);
  assert.equal(accumulator.take(queue), first);
  accumulator.done(first);
  assert.deepEqual(valuesOf(accumulator.take(queue)), ["b"]);
});

test("what is late is told oldest first; what is in flight stays in its place", () => {
  const { accumulator, queue } = filled(["a", "b"], { batchBytes: 1 });
  const first = accumulator.take(queue);
  assert.deepEqual(accumulator.expire(99), []);
  assert.equal(accumulator.deadlineOf(queue), 100);
  const late = accumulator.expire(100);
  assert.deepEqual(late.map(valuesOf), [["a"], ["b"]]);
  assert.deepEqual(late.map(({ expired }) => expired), [true, false]);
  assert.equal(accumulator.deadlineOf(queue), Infinity);
  assert.lengthOf([...accumulator.queues], 1);
  accumulator.done(first);
  assert.isEmpty([...accumulator.queues]);
});

test("a record that cannot be encoded leaves no empty batch", () => {
  const accumulator = new Accumulator({ batchBytes: 1000, lingerMs: 10 });
  const bad = { ...message("a"), timestamp: 0.5 };
  const call = new Call(NOBODY, 0, [bad], 100, undefined);
  assert.throws(() => accumulator.append(2, bad, 0, call, 0, 100, 0));
  assert.isEmpty([...accumulator.queues]);
});

test("halves hold the same records, calls and bytes", () => {
  const { accumulator, queue, call } = filled(["a", "b", "c", "d", "e"]);
  const batch = accumulator.take(queue);
  const [first, second] = halves(batch);
  assert.deepEqual([valuesOf(first), valuesOf(second)], [["a", "b"], ["c", "d", "e"]]);
  assert.deepEqual([first, second].map(({ parts }) => parts.map(({ indexes }) => indexes)), [[[0, 1]], [[2, 3, 4]]]);
  assert.equal(first.parts[0]!.call, call);
  assert.equal(first.heldBytes + second.heldBytes, batch.heldBytes);
  accumulator.putBack(batch, [first, second]);
  assert.equal(accumulator.take(queue), first);
});

test("a batch is written anew for an older leader, unless it has headers", () => {
  const { accumulator, queue } = filled(["a", "b"]);
  const batch = accumulator.take(queue);
  for (const magic of [1, 0] as const) {
    const builder = rewritten(batch, magic);
    assert.equal(builder.magic, magic);
    assert.deepEqual(valuesOf({ builder }), ["a", "b"]);
  }
  const headed = new Accumulator({ batchBytes: 1000, lingerMs: 10 });
  const one = message("a", [["h", "1"]]);
  headed.append(2, one, 0, new Call(NOBODY, 0, [one], 100, undefined), 0, 100, 0);
  const [other] = headed.queues;
  assert.throws(() => rewritten(headed.take(other!), 1), /UNSUPPORTED_FEATURE/);
});
