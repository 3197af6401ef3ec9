/** Batches that fill up: records are encoded as they come, into the open batch of their partition. Pure: no clock, no I/O. */

import type { KafkaError } from "../base/errors.ts";
import { type BufferSource, type RecordsBuilder, recordsBuilder } from "../records/builder.ts";
import { Part, type Recipient } from "./call.ts";
import type { Outgoing } from "./message.ts";

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
  /** How often it was handed to a connection. */
  tries: number;
  /** How often it has failed, by somebody's fault. */
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

/** A queue with nothing in it. */
export function emptyQueue(topic: string, partition: number): PartitionQueue {
  return { topic, partition, batches: [], inFlight: undefined };
}

/** Sizes and times that say when a batch is closed. */
export interface AccumulatorSettings {
  readonly batchBytes: number;
  readonly lingerMs: number;
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
      tries: 0,
      failures: 0,
      lastError: undefined,
      retryAt: 0,
      underWay: false,
      ambiguous: false,
      expired: false,
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
  putBack({ queue }: Batch, parts: readonly Batch[]): void {
    queue.inFlight = undefined;
    queue.batches.unshift(...parts);
  }

  /** A batch that was in flight has its end. */
  done({ queue }: Batch): void {
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
    for (const queue of this.#queues) {
      if (this.deadlineOf(queue) > now) continue;
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

  #abandon({ queue, builder }: Batch): void {
    queue.batches.pop();
    builder.release();
    this.#tidy(queue);
  }

  #tidy(queue: PartitionQueue): void {
    if (queue.batches.length === 0 && !queue.inFlight) this.#queues.delete(queue);
  }
}
