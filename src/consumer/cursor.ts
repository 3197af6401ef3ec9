/** Where a consumer is in one partition, and what has been fetched and not read yet. Pure: no clock, no I/O. */

import type { KafkaError } from "../base/errors.ts";
import type { RecordBatch } from "../records/reading.ts";
import type { OffsetQuery } from "./offsets.ts";

/** What one fetch brought for a partition. */
export interface Piece {
  /** Its batches, in order. */
  readonly batches: readonly RecordBatch[];
  /** The next one to be opened. */
  next: number;
  /** The offset behind the last message that every in-sync replica has. */
  readonly highWatermark: number;
  /** Bytes that it holds in memory. */
  readonly bytes: number;
}

/** One partition's place in a consumer. One fetcher owns it at a time: the one of its leader. */
export class Cursor {
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The next offset that is not finished; undefined until the start has been looked up. */
  position: number | undefined;
  /** The next offset to fetch. */
  fetchOffset = 0;
  /** Where to start, or start again; undefined once that is known. */
  lookup: OffsetQuery | undefined;
  /** Reading ends in front of this offset. */
  readonly end: number;
  /** Not fetched and not read while set. */
  paused = false;
  /** No fetch before this moment, on the world's clock. */
  retryAt = 0;
  /** How often fetching has failed in a row. */
  failures = 0;
  /** What stops it until somebody seeks. */
  error: KafkaError | undefined;
  /** Bytes to ask for; more than usual after a batch that was larger. */
  bytesMax: number;
  /** Goes up with each seek: what was asked for before belongs to nobody. */
  generation = 0;
  /** Fetched and not read to the end. */
  readonly pieces: Piece[] = [];
  #bufferedBytes = 0;

  /** Starts at an offset, or where the query says; ends in front of `end` (Infinity: never). */
  constructor(topic: string, partition: number, from: number | OffsetQuery, end: number, bytesMax: number) {
    this.topic = topic;
    this.partition = partition;
    this.end = end;
    this.bytesMax = bytesMax;
    if (typeof from === "number") this.position = this.fetchOffset = from;
    else this.lookup = from;
  }

  /** Bytes that are fetched and not read to the end. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Whether everything up to `end` is finished. */
  get isDone(): boolean {
    return this.position !== undefined && this.position >= this.end;
  }

  /** Whether a fetcher may ask for more, with at most `bufferedMax` bytes held already. */
  isFetchable(now: number, bufferedMax: number): boolean {
    return this.lookup === undefined && !this.paused && this.error === undefined && now >= this.retryAt &&
      this.#bufferedBytes < bufferedMax && this.fetchOffset < this.end;
  }

  /** Whether something that was fetched is not finished. */
  get isBehind(): boolean {
    return this.position !== undefined && this.position < this.fetchOffset;
  }

  /** Whether what it holds is going to be read without anybody's doing; only that may hold up other partitions. */
  get isRead(): boolean {
    return !this.paused && !this.isDone;
  }

  /** Takes what a fetch brought. */
  add(piece: Piece): void {
    this.pieces.push(piece);
    this.#bufferedBytes += piece.bytes;
    this.fetchOffset = piece.batches.at(-1)!.lastOffset + 1;
    this.failures = 0;
  }

  /** The first piece has been read to its end. */
  dropFirst(): void {
    this.#bufferedBytes -= this.pieces.shift()!.bytes;
  }

  /** What was fetched is of no use from an offset on: it is fetched again. */
  cutAt(offset: number): void {
    this.pieces.length = 0;
    this.#bufferedBytes = 0;
    this.fetchOffset = offset;
  }

  /** The start has been looked up. */
  startAt(offset: number): void {
    this.lookup = undefined;
    this.position = this.fetchOffset = offset;
  }

  /** Goes elsewhere: what is buffered is dropped, what is under way will be. */
  seek(to: number | OffsetQuery): void {
    this.generation++;
    this.cutAt(this.fetchOffset);
    this.error = undefined;
    this.retryAt = 0;
    this.failures = 0;
    if (typeof to === "number") this.startAt(to);
    else {
      this.lookup = to;
      this.position = undefined;
    }
  }
}
