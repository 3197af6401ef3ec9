/** Faults that are planted in the client on purpose: a suite that does not find them would not find real ones either. */

import { Deadline, Gate } from "../../src/base/async.ts";
import { type InFlight, Pipeline } from "../../src/connection/pipeline.ts";
import { Committer } from "../../src/consumer/committer.ts";
import { Committing } from "../../src/consumer/committing.ts";
import { Cursor } from "../../src/consumer/cursor.ts";
import { Accumulator, type Batch } from "../../src/producer/accumulator.ts";
import { Call } from "../../src/producer/call.ts";
import { Endings } from "../../src/producer/endings.ts";
import { EPOCH_MAX, Numbering } from "../../src/producer/numbering.ts";
import { RecordBatch, RecordList } from "../../src/records/reading.ts";
import { producing } from "./producing.ts";
import { roundTrip } from "./round_trip.ts";
import { runSeeds, type Scenario } from "./seeds.ts";

/** A fault: it changes the client, and gives the way back. */
export interface Planted {
  /** What it is. */
  readonly name: string;
  /** Who is to find it. */
  readonly scenario: Scenario;
  /** Of how many seeds at least one has to find it. */
  readonly seeds: number;
  /** The first of them; 1 if not said. It saves time where the fault is rare, and is no promise. */
  readonly from?: number;
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

/** What a try has left open counts as not written, and goes out again under the next epoch. */
function plantNewEpoch(): () => void {
  return replace(Endings.prototype, "failed", (before) =>
    function (this: Endings, one, error) {
      before.call(this, one, error);
      const { batch } = one;
      if (!batch.stamp || batch.state !== "waiting") return;
      batch.ambiguous = false;
      batch.queue.numbering!.break();
    });
}

/** A batch has its number as soon as it is there: one that is given up before it is sent leaves a gap. */
function plantEarlySequence(): () => void {
  return replace(Endings.prototype, "giveUp", (before) =>
    function (this: Endings, batch: Batch, error) {
      const { stamp, state, queue: { numbering }, builder } = batch;
      if (!stamp && state === "waiting" && numbering?.identity) numbering.stamp(builder.count);
      before.call(this, batch, error);
    });
}

/** There is one epoch more than there is. */
function plantOneEpochMore(): () => void {
  return replace(Numbering.prototype, "renew", (before) =>
    function (this: Numbering) {
      const { identity } = this;
      if (identity?.epoch === EPOCH_MAX) this.begin({ ...identity, epoch: EPOCH_MAX + 1 });
      else before.call(this);
    });
}

/** A reader's position moves when a message is given to the loop, and not when it is finished. */
function plantEarlyPosition(): () => void {
  const cursors = new WeakMap<RecordList, Cursor>();
  const undo = [
    replace(RecordBatch.prototype, "open", (before) =>
      function (this: RecordBatch, origin, options) {
        const list = before.call(this, origin, options);
        if (origin instanceof Cursor && list instanceof RecordList) cursors.set(list, origin);
        return list;
      }),
    replace(RecordList.prototype, "at", (before) =>
      function (this: RecordList, index) {
        const message = before.call(this, index);
        const cursor = cursors.get(this);
        if (cursor) cursor.position = message.offset + 1;
        return message;
      }),
  ];
  return () => undo.forEach((back) => back());
}

const producers: Scenario = { name: "producing", play: producing };
const roundTrips: Scenario = { name: "round-trip", play: roundTrip };

/** All of them. */
export const planted: readonly Planted[] = [
  {
    name: "a batch that may be written goes out under a new epoch",
    scenario: producers,
    seeds: 100,
    plant: plantNewEpoch,
  },
  { name: "a sequence is taken before a batch is sent", scenario: producers, seeds: 100, plant: plantEarlySequence },
  { name: "there is one epoch more than there is", scenario: producers, seeds: 300, plant: plantOneEpochMore },
  { name: "a retry is overtaken", scenario: producers, seeds: 100, plant: plantOvertaking },
  { name: "a late answer is taken for the next one's", scenario: producers, seeds: 200, plant: plantLateAnswer },
  { name: "a wake-up is lost", scenario: producers, seeds: 50, plant: plantLostWake },
  { name: "a timer is not cancelled", scenario: producers, seeds: 5, plant: plantTimer },
  { name: "what may have been written is said not to be", scenario: producers, seeds: 200, plant: plantFalseNo },
  {
    name: "a position moves when a message is given, not when it is finished",
    scenario: roundTrips,
    seeds: 100,
    plant: plantEarlyPosition,
  },
  { name: "a message is skipped", scenario: roundTrips, seeds: 5, plant: plantSkip },
  {
    name: "a seek is forgotten by what was under way",
    scenario: roundTrips,
    seeds: 500,
    from: 130,
    plant: plantForgottenSeek,
  },
  { name: "more is committed than is finished", scenario: roundTrips, seeds: 20, plant: plantGreedyCommit },
  { name: "a group goes on too far", scenario: roundTrips, seeds: 50, plant: plantLongResume },
];

/** In which of so many seeds a planted fault is found; as far as the first, if not all are asked for. */
export async function seedsThatFind(
  { scenario, plant, from = 1 }: Planted,
  seeds: number,
  all: boolean,
): Promise<number[]> {
  const undo = plant();
  const found: number[] = [];
  try {
    for (let seed = from; seed < from + seeds && (all || found.length === 0); seed++) {
      if ((await runSeeds(scenario, seed, 1)).failed.length > 0) found.push(seed);
    }
  } finally {
    undo();
  }
  return found;
}
