/** Faults that are planted in the client on purpose: a suite that does not find them would not find real ones either. */

import { Deadline, Gate } from "../../src/base/async.ts";
import { type InFlight, Pipeline } from "../../src/connection/pipeline.ts";
import { Committer } from "../../src/consumer/committer.ts";
import { Committing } from "../../src/consumer/committing.ts";
import { Cursor } from "../../src/consumer/cursor.ts";
import { Accumulator, type Batch } from "../../src/producer/accumulator.ts";
import { Call } from "../../src/producer/call.ts";

/** A fault: it changes the client, and gives the way back. */
export interface Planted {
  /** What it is. */
  readonly name: string;
  /** Of how many seeds at least one has to find it. */
  readonly seeds: number;
  readonly plant: () => () => void;
}

/** Puts another method in the place of one. */
function replace<T extends object, K extends keyof T>(prototype: T, name: K, make: (before: T[K]) => T[K]): () => void {
  const before = prototype[name];
  prototype[name] = make(before);
  return () => {
    prototype[name] = before;
  };
}

/** A request that timed out loses its place, and nobody compares ids: its late answer is taken for the next one's. */
function plantLateAnswer(): () => void {
  const queues = new WeakMap<Pipeline, InFlight[]>();
  const queueOf = (pipeline: Pipeline) => {
    if (!queues.has(pipeline)) queues.set(pipeline, []);
    return queues.get(pipeline)!;
  };
  const undo = [
    replace(Pipeline.prototype, "sent", (before) =>
      function (this: Pipeline, request) {
        queueOf(this).push(request);
        before.call(this, request);
      }),
    replace(Pipeline.prototype, "answer", (before) =>
      function (this: Pipeline, correlationId) {
        const queue = queueOf(this);
        const first = queue.findIndex(({ orphaned }) => !orphaned);
        const oldest = queue[first];
        if (oldest) {
          queue.splice(0, first + 1);
          return oldest;
        }
        return before.call(this, correlationId);
      }),
  ];
  return () => undo.forEach((back) => back());
}

/** Who waits at a gate is entered a moment too late: what happens between looking and waiting is lost. */
function plantLostWake(): () => void {
  return replace(Gate.prototype, "wait", (before) =>
    async function (this: Gate, signal) {
      await Promise.resolve();
      return await before.call(this, signal);
    });
}

/** A batch that failed goes behind those that came after it. */
function plantOvertaking(): () => void {
  return replace(Accumulator.prototype, "putBack", (before) =>
    function (this: Accumulator, batch: Batch) {
      before.call(this, batch);
      const { batches } = batch.queue;
      batches.push(...batches.splice(batches.indexOf(batch), 1));
    });
}

/** Deadlines keep their timers. */
function plantTimer(): () => void {
  return replace(Deadline.prototype, "cancel", () => () => {});
}

/** A reader skips a message after each piece that it has fetched. */
function plantSkip(): () => void {
  return replace(Cursor.prototype, "add", (before) =>
    function (this: Cursor, piece) {
      before.call(this, piece);
      this.fetchOffset++;
    });
}

/** A seek drops what is held, but what was under way counts as asked for here. */
function plantForgottenSeek(): () => void {
  return replace(Cursor.prototype, "seek", (before) =>
    function (this: Cursor, to) {
      before.call(this, to);
      this.generation--;
    });
}

/** What failed is reported as not written, whatever is known. */
function plantFalseNo(): () => void {
  return replace(Call.prototype, "report", (before) =>
    function (this: Call, index, report) {
      before.call(this, index, "code" in report ? report.with({ persisted: "no" }) : report);
    });
}

/** What is committed has what comes next too. */
function plantGreedyCommit(): () => void {
  return replace(Committer.prototype, "commit", (before) =>
    function (this: Committer, commits, isExact) {
      const more = [...commits].map(([partition, it]) => [partition, { ...it, offset: it.offset + 1 }] as const);
      return before.call(this, new Map(more), isExact);
    });
}

/** A group goes on one message behind where it should. */
function plantLongResume(): () => void {
  return replace(Committing.prototype, "resume", (before) =>
    async function (this: Committing, cursors, signal) {
      const found = await before.call(this, cursors, signal);
      return new Map([...found].map(([partition, it]) => [partition, { ...it, offset: it.offset + 1 }]));
    });
}

/** All of them. */
export const planted: readonly Planted[] = [
  { name: "a late answer is taken for the next one's", seeds: 200, plant: plantLateAnswer },
  { name: "a wake-up is lost", seeds: 50, plant: plantLostWake },
  { name: "a retry is overtaken", seeds: 200, plant: plantOvertaking },
  { name: "a timer is not cancelled", seeds: 5, plant: plantTimer },
  { name: "a message is skipped", seeds: 5, plant: plantSkip },
  { name: "a seek is forgotten by what was under way", seeds: 500, plant: plantForgottenSeek },
  { name: "more is committed than is finished", seeds: 20, plant: plantGreedyCommit },
  { name: "a group goes on too far", seeds: 50, plant: plantLongResume },
  { name: "what may have been written is said not to be", seeds: 200, plant: plantFalseNo },
];
