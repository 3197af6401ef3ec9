/** Batches that fill up: records are encoded as they come, into the open batch of their partition. Pure: no clock, no I/O. */

import type { KafkaError } from "../base/errors.ts";
import { type RecordsBuilder, recordsBuilder } from "../records/builder.ts";
import type { Call } from "./call.ts";
import type { Outgoing } from "./message.ts";

/** Neighbours in a batch that belong to one call. */
export interface Part {
  readonly call: Call;
  /** Where the messages stand in the call. */
  readonly indexes: number[];
  /** Their timestamps, for the reports. */
  readonly timestamps: number[];
}

/** Records of one partition that travel together. */
export interface Batch {
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
  /** How often it has failed. */
  failures: number;
  /** Why it failed last. */
  lastError: KafkaError | undefined;
  /** Not sent again before this moment, on the world's clock. */
  retryAt: number;
  /** Whether it has been sent and its answer is outstanding. */
  underWay: boolean;
  /** Whether a try ended so that nobody knows if its records were written. */
  ambiguous: boolean;
  /** Its time was over while it was in flight: whoever waited has been told, and it is not tried again. */
  expired: boolean;
  /** Its bytes as they go out, from the first try on: a retry sends the same. */
  bytes: Uint8Array | undefined;
}

/** What waits for one partition, oldest first. Without idempotence one batch is in flight at a time, so that order holds. */
export interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly batches: Batch[];
  inFlight: Batch | undefined;
}

/** Sizes and times that say when a batch is closed. */
export interface AccumulatorSettings {
  readonly batchBytes: number;
  readonly lingerMs: number;
}

/** The batches of a producer. */
export class Accumulator {
  readonly #settings: AccumulatorSettings;
  readonly #queues = new Map<string, PartitionQueue>();

  /** Sizes and times for all partitions. */
  constructor(settings: AccumulatorSettings) {
    this.#settings = settings;
  }

  /** Partitions that have something to send, or in flight. */
  get queues(): Iterable<PartitionQueue> {
    return this.#queues.values();
  }

  /** Encodes a message into the open batch of its partition. True: a batch was closed by it, or begun. */
  append(
    magic: 0 | 1 | 2,
    message: Outgoing,
    partition: number,
    call: Call,
    index: number,
    bytes: number,
    now: number,
  ): boolean {
    const queue = this.#queue(message.topic, partition);
    let batch = queue.batches.at(-1);
    let changed = false;
    if (
      batch && !batch.sealed &&
      (batch.builder.magic !== magic || batch.builder.size + bytes > this.#settings.batchBytes)
    ) {
      batch.sealed = changed = true;
    }
    if (!batch || batch.sealed) {
      batch = openBatch(message.topic, partition, magic, call.deadline, now);
      queue.batches.push(batch);
      changed = true;
    }
    try {
      batch.builder.append(message);
    } catch (error) {
      if (batch.parts.length === 0) queue.batches.pop();
      this.#tidy(queue);
      throw error;
    }
    batch.heldBytes += bytes;
    let part = batch.parts.at(-1);
    if (part?.call !== call) batch.parts.push(part = { call, indexes: [], timestamps: [] });
    part.indexes.push(index);
    part.timestamps.push(message.timestamp);
    if (batch.builder.size >= this.#settings.batchBytes) batch.sealed = changed = true;
    return changed;
  }

  /** Whether the oldest batch of a partition may go now; `hurry`: nobody waits for more to come. */
  isReady(queue: PartitionQueue, now: number, hurry: boolean): boolean {
    const head = queue.batches[0];
    if (!head || queue.inFlight || head.retryAt > now) return false;
    return head.sealed || hurry || now - head.createdAt >= this.#settings.lingerMs;
  }

  /** When a partition's oldest batch will be ready by the clock alone; Infinity: not by the clock. */
  readyAt(queue: PartitionQueue, hurry: boolean): number {
    const head = queue.batches[0];
    if (!head || queue.inFlight) return Infinity;
    return Math.max(head.retryAt, head.sealed || hurry ? 0 : head.createdAt + this.#settings.lingerMs);
  }

  /** Takes the oldest batch out to be sent. */
  take(queue: PartitionQueue): Batch {
    const batch = queue.batches.shift()!;
    batch.sealed = true;
    queue.inFlight = batch;
    return batch;
  }

  /** A batch that was in flight goes back to the head of its partition; or the batches that it was split into do. */
  putBack(batch: Batch, parts: readonly Batch[] = [batch]): void {
    const queue = this.#queue(batch.topic, batch.partition);
    queue.inFlight = undefined;
    queue.batches.unshift(...parts);
  }

  /** A batch that was in flight has its end. */
  done(batch: Batch): void {
    const queue = this.#queue(batch.topic, batch.partition);
    queue.inFlight = undefined;
    this.#tidy(queue);
  }

  /** When a partition's oldest batch that somebody waits for is late; Infinity if there is none. */
  deadlineOf({ inFlight, batches }: PartitionQueue): number {
    return (inFlight && !inFlight.expired ? inFlight : batches[0])?.deadline ?? Infinity;
  }

  /** The batches that nobody may wait for any longer, the oldest of a partition first. Those in flight stay until they have their end. */
  expire(now: number): Batch[] {
    const late: Batch[] = [];
    for (const queue of this.#queues.values()) {
      const { inFlight, batches } = queue;
      if (inFlight && !inFlight.expired && inFlight.deadline <= now) {
        inFlight.expired = true;
        late.push(inFlight);
      }
      while (batches[0] && batches[0].deadline <= now) late.push(batches.shift()!);
      this.#tidy(queue);
    }
    return late;
  }

  /** Everything, for the end: what is still in flight as well. */
  drain(): Batch[] {
    return this.expire(Infinity);
  }

  #tidy(queue: PartitionQueue): void {
    if (queue.batches.length === 0 && !queue.inFlight) this.#queues.delete(`${queue.topic}/${queue.partition}`);
  }

  #queue(topic: string, partition: number): PartitionQueue {
    const key = `${topic}/${partition}`;
    let queue = this.#queues.get(key);
    if (!queue) this.#queues.set(key, queue = { topic, partition, batches: [], inFlight: undefined });
    return queue;
  }
}

function openBatch(topic: string, partition: number, magic: 0 | 1 | 2, deadline: number, now: number): Batch {
  return {
    topic,
    partition,
    builder: recordsBuilder(magic),
    parts: [],
    createdAt: now,
    deadline,
    heldBytes: 0,
    sealed: false,
    failures: 0,
    lastError: undefined,
    retryAt: 0,
    underWay: false,
    ambiguous: false,
    expired: false,
    bytes: undefined,
  };
}
