/** Where a consumer is in one partition, and what has been fetched and not read yet. Pure: no clock, no I/O. */

import type { KafkaError } from "../base/errors.ts";
import type { RecordBatch } from "../records/reading.ts";
import type { Place } from "./offsets.ts";

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

/** A cursor as it was when its broker was asked about it. */
export interface Asked {
  readonly cursor: Cursor;
  readonly leader: number;
  readonly generation: number;
  readonly offset: number;
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
  lookup: Place | undefined;
  /** Reading ends in front of this offset. */
  readonly end: number;
  /** Not fetched and not read while set. */
  paused = false;
  /** No fetch before this moment, on the world's clock. */
  retryAt = 0;
  /** How often fetching has failed in a row. */
  failures = 0;
  /** How often in a row an answer could not be understood. */
  misunderstandings = 0;
  /** How often in a row there was nothing to fetch where the log says that there is something. */
  holes = 0;
  /** What stops it until somebody seeks; or, if `isPassing`, until it has been told. */
  error: KafkaError | undefined;
  /** Whether the error has nothing to do with this place in the log, and may be gone when it is tried again. */
  isPassing = false;
  /** Whether its place is where `reset` put it, and nothing has been read there yet. */
  wasReset = false;
  /** Bytes to ask for; more than usual after a batch that was larger. */
  bytesMax: number;
  /** Goes up with each seek: what was asked for before belongs to nobody. */
  generation = 0;
  /** The request that is under way about it. */
  asked: Asked | undefined;
  /** Fetched and not read to the end. */
  readonly pieces: Piece[] = [];
  /** The offset behind the last message that every in-sync replica has, as of the last fetch. */
  highWatermark: number | undefined;
  #bufferedBytes = 0;
  /** The leader epoch of what lies behind `#epochFrom`, and of what lies before it; -1 where it is not known. */
  #epoch = -1;
  #epochBefore = -1;
  #epochFrom = 0;

  /** Starts at a place, once that has been looked up; ends in front of `end` (Infinity: never). */
  constructor(topic: string, partition: number, from: Place, end: number, bytesMax: number) {
    this.topic = topic;
    this.partition = partition;
    this.end = end;
    this.bytesMax = bytesMax;
    this.lookup = from;
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

  /** Whether a request to that broker is under way that will bring what comes next here. */
  isAskedOf(leader: number): boolean {
    const { asked } = this;
    return asked !== undefined && asked.leader === leader && asked.generation === this.generation &&
      asked.offset === this.fetchOffset;
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

  /** What is read from now on was written under that leader epoch. */
  opened(leaderEpoch: number): void {
    this.#epochBefore = this.#epoch;
    this.#epoch = leaderEpoch;
    this.#epochFrom = this.position ?? 0;
    this.wasReset = false;
  }

  /** The leader epoch of the message before an offset, as far as it is known; else -1. */
  epochBefore(offset: number): number {
    return offset > this.#epochFrom ? this.#epoch : this.#epochBefore;
  }

  /** The start has been looked up; `leaderEpoch` is that of the message before it, if it is known. */
  startAt(offset: number, leaderEpoch = -1): void {
    this.lookup = undefined;
    this.position = this.fetchOffset = offset;
    this.#epoch = this.#epochBefore = leaderEpoch;
    this.#epochFrom = offset;
  }

  /** There is nothing between its place and this offset. */
  skipTo(offset: number): void {
    if (!this.isBehind) this.position = offset;
    this.fetchOffset = offset;
  }

  /** Stops it until somebody seeks. */
  fail(error: KafkaError): void {
    this.error = error;
    this.isPassing = false;
  }

  /** Stops it until the reader has been told: then what failed is tried again. */
  interrupt(error: KafkaError): void {
    this.error = error;
    this.isPassing = true;
  }

  /** Throws what stops it, if anything does; what is passing only once. */
  tell(): void {
    const { error } = this;
    if (this.isPassing) this.error = undefined;
    if (error) throw error;
  }

  /** What lies at its place cannot be opened: it stays there, until somebody seeks past it. */
  stop(error: KafkaError): void {
    const place = this.position!;
    const epoch = this.epochBefore(place);
    this.seek(place);
    this.startAt(place, epoch);
    this.fail(error);
  }

  /** Goes elsewhere: what is buffered is dropped, what is under way will be. */
  seek(to: Place): void {
    this.generation++;
    this.cutAt(this.fetchOffset);
    this.error = undefined;
    this.retryAt = 0;
    this.failures = this.misunderstandings = this.holes = 0;
    this.wasReset = false;
    if (typeof to === "number") this.startAt(to);
    else {
      this.lookup = to;
      this.position = undefined;
    }
  }
}
