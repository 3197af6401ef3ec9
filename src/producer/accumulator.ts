/** Batches that fill up: records are encoded as they come, into the open batch of their partition. Pure: no clock, no I/O. */

import type { KafkaError } from "../base/errors.ts";
import { type BufferSource, type RecordsBuilder, recordsBuilder } from "../records/builder.ts";
import { Part, type Recipient } from "./call.ts";
import type { Outgoing } from "./message.ts";
import type { Numbering, Stamp } from "./numbering.ts";

/** What became of a batch: where it went, or why not; or that some of its records were refused. */
export type Outcome = Written | KafkaError | Refused;

/** A batch that is in the log. */
export interface Written {
  /** The offset of its first record; -1 if it is not known. */
  readonly baseOffset: number;
  /** The broker's own time for all of its records, in milliseconds since 1970; -1 if theirs stay. */
  readonly logAppendTimeMs: number;
}

/** A batch that is not in the log because of some of its records (KIP-467). */
export interface Refused {
  /** Why, for the batch. */
  readonly error: KafkaError;
  /** Why, for those records, by their places in the batch. */
  readonly errors: ReadonlyMap<number, KafkaError>;
  /** What is told of the others. */
  readonly rest: KafkaError;
}

/** A try of a batch whose end nobody knows. */
export interface Doubt {
  /** By which way it went. */
  readonly connection: unknown;
  /** Who was asked. */
  readonly broker: string | undefined;
  /** Under which epoch the leader led, as far as was known; -1 if it was not. */
  readonly leaderEpoch: number;
}

/** Records of one partition that travel together. */
export interface Batch {
  readonly queue: PartitionQueue;
  readonly topic: string;
  readonly partition: number;
  /** Encodes the records as they come. */
  builder: RecordsBuilder;
  /** Whose records it holds, in their order. */
  readonly parts: Part[];
  /** When its first record came, on the world's clock. */
  readonly createdAt: number;
  /** When its first record stops waiting, on the world's clock. */
  readonly deadline: number;
  /** How many bytes of the buffer it holds. */
  heldBytes: number;
  /** Takes no more records. */
  sealed: boolean;
  /** Waits to be sent, again perhaps; a request for it is being made; it is on its way; or it will not be sent any more. */
  state: "waiting" | "taken" | "underWay" | "ended";
  /** How often it was handed to a connection. */
  tries: number;
  /** How often it has failed, by somebody's fault. */
  failures: number;
  /** Why it failed last. */
  lastError: KafkaError | undefined;
  /** Not sent again before this moment, on the world's clock. */
  retryAt: number;
  /** Its number, from the first try on, where batches are numbered: a retry has the same. */
  stamp: Stamp | undefined;
  /** Whether a try ended so that nobody knows if its records were written. */
  ambiguous: boolean;
  /** Those tries, one for each connection. */
  doubts: Doubt[];
  /** What became of it, as far as whoever waits is concerned. */
  outcome: Outcome | undefined;
  /** Whoever waits has been told. */
  told: boolean;
  /** Its bytes as they go out, from the first try on: a retry sends the same. */
  bytes: Uint8Array | undefined;
}

/** What has not got its end in one partition. */
export interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** Oldest first, and it stays so: what was sent comes before what was not, and nothing is told before what is older. */
  readonly batches: Batch[];
  /** How many of them a request has taken. */
  underWay: number;
  /** To which broker those went that are under way, or went last. */
  leader: number;
  /** On which connection the last of them went. */
  connection: unknown;
  /** Nothing more is taken until nothing is under way: what is went on another connection. */
  isHeld: boolean;
  /** How they are numbered; undefined until one is. */
  numbering: Numbering | undefined;
}

/** A queue with nothing in it. */
export function emptyQueue(topic: string, partition: number): PartitionQueue {
  return {
    ...{ topic, partition, batches: [], underWay: 0, leader: -1 },
    ...{ connection: undefined, isHeld: false, numbering: undefined },
  };
}

/** Sizes and times that say when a batch is closed. */
export interface AccumulatorSettings {
  readonly batchBytes: number;
  readonly lingerMs: number;
  /** How many batches of a partition may be under way once its numbers are proven; without numbers it is one, so that order holds. */
  readonly maxInFlight: number;
}

/** The batches of a producer. */
export class Accumulator {
  readonly #settings: AccumulatorSettings;
  readonly #buffers: BufferSource;
  readonly #queues = new Set<PartitionQueue>();

  /** Sizes and times for all partitions, and where buffers come from. */
  constructor(settings: AccumulatorSettings, buffers: BufferSource) {
    this.#settings = settings;
    this.#buffers = buffers;
  }

  /** Partitions that have something to send, or in flight. */
  get queues(): Iterable<PartitionQueue> {
    return this.#queues;
  }

  /** The batch of a partition that takes records, if there is one. */
  open({ batches }: PartitionQueue): Batch | undefined {
    const last = batches.at(-1);
    return last?.sealed ? undefined : last;
  }

  /** Whether so many more bytes fit into an open batch: each takes one record at least. */
  hasRoom({ builder }: Batch, bytes: number): boolean {
    return builder.count === 0 || builder.size + bytes <= this.#settings.batchBytes;
  }

  /** Opens a batch behind all others of its partition; the first record has to follow at once. */
  begin(queue: PartitionQueue, magic: 0 | 1 | 2, deadline: number, now: number): Batch {
    const batch: Batch = {
      ...{ queue, topic: queue.topic, partition: queue.partition },
      builder: recordsBuilder(magic, undefined, this.#buffers),
      parts: [],
      createdAt: now,
      deadline,
      heldBytes: 0,
      sealed: false,
      state: "waiting",
      tries: 0,
      failures: 0,
      lastError: undefined,
      retryAt: 0,
      stamp: undefined,
      ambiguous: false,
      doubts: [],
      outcome: undefined,
      told: false,
      bytes: undefined,
    };
    queue.batches.push(batch);
    this.#queues.add(queue);
    return batch;
  }

  /** Encodes a message into an open batch, and gives how many bytes of the buffer it holds. A message that is refused leaves nothing behind. */
  append(batch: Batch, message: Outgoing, recipient: Recipient, index: number): number {
    const { builder, parts } = batch;
    const before = builder.count === 0 ? 0 : builder.size;
    try {
      builder.append(message);
    } catch (error) {
      if (builder.count === 0) this.#abandon(batch);
      throw error;
    }
    const part = parts.at(-1);
    if (part?.recipient === recipient) part.add(index, message.timestamp);
    else parts.push(new Part(recipient, index, message.timestamp));
    const { size } = builder;
    if (size >= this.#settings.batchBytes) batch.sealed = true;
    batch.heldBytes += size - before;
    return size - before;
  }

  /** Whether the next batch of a partition may go now; `hurry`: nobody waits for more to come. */
  isReady(queue: PartitionQueue, now: number, hurry: boolean): boolean {
    const next = this.#mayTake(queue) ? this.next(queue) : undefined;
    if (!next || next.retryAt > now) return false;
    if (next.sealed || hurry) return true;
    // What is on its way comes back and takes along all that has come meanwhile: a batch that is not full waits for that.
    return queue.underWay === 0 && now - next.createdAt >= this.#settings.lingerMs;
  }

  /** When a partition's next batch will be ready by the clock alone; Infinity: not by the clock. */
  readyAt(queue: PartitionQueue, hurry: boolean): number {
    const next = this.#mayTake(queue) ? this.next(queue) : undefined;
    if (!next) return Infinity;
    if (next.sealed || hurry) return next.retryAt;
    return queue.underWay === 0 ? Math.max(next.retryAt, next.createdAt + this.#settings.lingerMs) : Infinity;
  }

  /**
   * The batch that is to be sent next: the oldest that waits. Where numbers are broken, only those whose fate is to be found out.
   *
   * None is sent further behind the oldest without an end than a leader remembers, though there be less under way. Say that a leader
   * knows its last five batches, and of 1 to 5 the first is written and its answer lost, while 2 is acknowledged: if 6 were sent
   * beside 1, and written first, 1 would be out of the leader's memory. It would be refused as out of order, as if it had never been
   * written, be numbered anew, and stand twice.
   */
  next({ batches, numbering }: PartitionQueue): Batch | undefined {
    const isBroken = numbering?.isBroken === true;
    const end = isBroken ? batches.length : Math.min(batches.length, this.#settings.maxInFlight);
    for (let i = 0; i < end; i++) {
      const batch = batches[i]!;
      if (batch.state === "waiting" && (!isBroken || batch.ambiguous)) return batch;
    }
    return undefined;
  }

  /** Whether everything before a batch is on its way, or has its end: only then may it follow. */
  mayFollow(batch: Batch): boolean {
    const { batches, numbering } = batch.queue;
    if (numbering?.isBroken && !batch.ambiguous) return false;
    for (const one of batches) {
      if (one === batch) return true;
      if (one.state === "underWay" || one.state === "ended") continue;
      if (!numbering?.isBroken || one.ambiguous) return false;
    }
    return true;
  }

  /** Whether any batch of a partition is on its way. */
  isBusy({ batches }: PartitionQueue): boolean {
    return batches.some(({ state }) => state === "underWay");
  }

  /** Takes the next batch, to be sent to a broker. */
  take(queue: PartitionQueue, leader: number): Batch {
    const batch = this.next(queue)!;
    batch.sealed = true;
    batch.state = "taken";
    queue.underWay++;
    queue.leader = leader;
    return batch;
  }

  /** A batch that was taken waits again, in its place. */
  putBack(batch: Batch): void {
    batch.state = "waiting";
    this.#returned(batch.queue);
  }

  /** A batch that was taken waits until nothing of its partition is under way. */
  hold(batch: Batch): void {
    batch.queue.isHeld = true;
    this.putBack(batch);
  }

  /** A batch that was taken is split: its parts wait in its place. */
  split(batch: Batch, parts: readonly Batch[]): void {
    const { queue } = batch;
    queue.batches.splice(queue.batches.indexOf(batch), 1, ...parts);
    this.#returned(queue);
  }

  /** A batch is not sent any more. */
  end(batch: Batch): void {
    const wasTaken = batch.state === "taken" || batch.state === "underWay";
    batch.state = "ended";
    batch.sealed = true; // behind one that is under way it keeps its place, and must not be filled any more
    if (wasTaken) this.#returned(batch.queue);
  }

  /** Lets go of the oldest batches that have their end and were told of, and gives how many bytes they held. */
  leave(queue: PartitionQueue): number {
    const { batches } = queue;
    let bytes = 0;
    while (batches[0]?.told && batches[0].state === "ended") bytes += batches.shift()!.heldBytes;
    this.#tidy(queue);
    return bytes;
  }

  /** When a partition's oldest batch that somebody waits for is late; Infinity if there is none. */
  deadlineOf({ batches }: PartitionQueue): number {
    for (const { outcome, deadline } of batches) if (!outcome) return deadline;
    return Infinity;
  }

  /** The batches that nobody may wait for any longer, the oldest of a partition first. */
  late(now: number): Batch[] {
    const late: Batch[] = [];
    for (const queue of this.#queues) {
      if (this.deadlineOf(queue) > now) continue;
      for (const batch of queue.batches) if (!batch.outcome && batch.deadline <= now) late.push(batch);
    }
    return late;
  }

  #mayTake({ underWay, isHeld, numbering }: PartitionQueue): boolean {
    if (underWay === 0) return true;
    return !isHeld && numbering?.isProven === true && underWay < this.#settings.maxInFlight;
  }

  #returned(queue: PartitionQueue): void {
    if (--queue.underWay === 0) queue.isHeld = false;
  }

  #abandon({ queue, builder }: Batch): void {
    queue.batches.pop();
    builder.release();
    this.#tidy(queue);
  }

  #tidy(queue: PartitionQueue): void {
    if (queue.batches.length === 0) this.#queues.delete(queue);
  }
}
