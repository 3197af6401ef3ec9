/** Finds the batches in what a partition's fetch brought, whichever formats they have, and opens them. */

import { openBatch } from "./batch_reading.ts";
import { plainArray } from "./coding.ts";
import { type Compression, compressionOf } from "./compression.ts";
import { ATTRIBUTES, BATCH, ENTRY, int64At, MESSAGE, messageSizeMin } from "./layout.ts";
import { openRun, openWrapper } from "./message_set_reading.ts";
import { corrupt, type Origin, type ReadOptions } from "./origin.ts";
import type { RecordList } from "./record_list.ts";

export type { Origin, ReadOptions } from "./origin.ts";
export { RecordList } from "./record_list.ts";

/** What is known of a batch before it is opened. */
interface Found {
  readonly magic: 0 | 1 | 2;
  readonly start: number;
  readonly baseOffset: number;
  end: number;
  lastOffset: number;
  recordCount: number;
}

/**
 * Several records that came together: a record batch (magic 2); or of a message set (magic 0 and 1) either one message that
 * holds compressed ones, or a run of plain messages. Its fields are not covered by a checksum before it is opened.
 */
export class RecordBatch {
  /** The format: 2 since Kafka 0.11, 1 in 0.10, 0 before. */
  readonly magic: 0 | 1 | 2;
  /** The offset that it begins with; of compressed messages that of the last one, since the first is not known. */
  readonly baseOffset: number;
  /** The offset that it ends with, even if that record was compacted away: the next one to fetch is one more. */
  readonly lastOffset: number;
  /** How many records it says that it has; -1 for compressed messages, which do not say. */
  readonly recordCount: number;
  /** Its own bytes, as a view. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** A batch that was found in `bytes`. */
  constructor(bytes: Uint8Array, view: DataView, found: Found) {
    this.magic = found.magic;
    this.baseOffset = found.baseOffset;
    this.lastOffset = found.lastOffset;
    this.recordCount = found.recordCount;
    this.bytes = bytes.subarray(found.start, found.end);
    this.#view = new DataView(view.buffer, view.byteOffset + found.start, found.end - found.start);
  }

  /** How many bytes it has. */
  get sizeBytes(): number {
    return this.bytes.length;
  }

  /** How its records are compressed. */
  get compression(): Compression {
    return compressionOf(this.#attributes)!;
  }

  /** Whether it holds no records but a marker of the broker's: the end of a transaction, say. */
  get isControl(): boolean {
    return this.magic === 2 && (this.#attributes & ATTRIBUTES.control) !== 0;
  }

  /** Whether it belongs to a transaction. */
  get isTransactional(): boolean {
    return this.magic === 2 && (this.#attributes & ATTRIBUTES.transactional) !== 0;
  }

  /** Whether its timestamps are the broker's, of when it appended it; of a run of plain messages, those of the first. */
  get isAppendTime(): boolean {
    return this.magic > 0 && (this.#attributes & ATTRIBUTES.appendTime) !== 0;
  }

  /** The latest timestamp in it; -1 if there is none, or if it is a run of plain messages, which do not say. */
  get maxTimestamp(): number {
    if (this.magic === 2) return int64At(this.#view, BATCH.maxTimestamp);
    return this.magic === 1 && this.recordCount < 0 ? int64At(this.#view, MESSAGE.timestamp) : -1;
  }

  /** Who produced it; -1 if the producer was not idempotent. */
  get producerId(): number {
    return this.magic === 2 ? int64At(this.#view, BATCH.producerId) : -1;
  }

  /** Which incarnation of its producer; -1 if the producer was not idempotent. */
  get producerEpoch(): number {
    return this.magic === 2 ? this.#view.getInt16(BATCH.producerEpoch) : -1;
  }

  /** The first record's number in its producer's sequence; -1 if the producer was not idempotent. */
  get baseSequence(): number {
    return this.magic === 2 ? this.#view.getInt32(BATCH.baseSequence) : -1;
  }

  /** The epoch of the leader that appended it; -1 if that is not known. */
  get leaderEpoch(): number {
    return this.magic === 2 ? this.#view.getInt32(BATCH.leaderEpoch) : -1;
  }

  get #attributes(): number {
    return this.magic === 2 ? this.#view.getInt16(BATCH.attributes) : this.#view.getUint8(MESSAGE.attributes);
  }

  /** The messages of a run that come in front of an offset, as a run of their own; undefined if it is no run, or there are none. */
  before(offset: number): RecordBatch | undefined {
    const { magic, baseOffset } = this;
    if (magic === 2 || this.recordCount < 0) return undefined;
    let end = 0, recordCount = 0, lastOffset = baseOffset;
    for (; recordCount < this.recordCount && int64At(this.#view, end) < offset; recordCount++) {
      lastOffset = Math.max(lastOffset, int64At(this.#view, end));
      end += ENTRY.head + this.#view.getInt32(end + ENTRY.length);
    }
    const found: Found = { magic, start: 0, baseOffset, end, lastOffset, recordCount };
    return recordCount === 0 ? undefined : new RecordBatch(this.bytes, this.#view, found);
  }

  /**
   * Checks the checksum, decompresses, and checks every record. A `KafkaError` `CORRUPT_MESSAGE` names topic, partition and
   * offset of what is broken or becomes too large; `UNSUPPORTED_COMPRESSION_TYPE` says that a codec is missing. A promise
   * only if the codec gives one.
   */
  open(origin: Origin, options: ReadOptions): RecordList | Promise<RecordList> {
    if (this.magic === 2) return openBatch(this.bytes, this.#view, this.baseOffset, origin, options);
    if (this.recordCount < 0) return openWrapper(this.bytes, this.#view, this.magic, origin, options);
    return openRun(this.bytes, this.#view, this.recordCount, origin, options);
  }
}

/**
 * The batches in a partition's records, in order and in any mix of formats. What is incomplete at the end is left out, as
 * brokers cut records anywhere. What is malformed throws `CORRUPT_MESSAGE` if it comes first; behind sound batches it is
 * left out, so that these are delivered, and the next fetch begins with it.
 */
export function recordBatches(bytes: Uint8Array, origin: Origin): RecordBatch[] {
  bytes = plainArray(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Found[] = [];
  for (let at = 0; at + ENTRY.head <= bytes.length;) {
    const length = view.getInt32(at + ENTRY.length);
    const end = at + ENTRY.head + length;
    if (end > bytes.length) break;
    const fault = end < at + messageSizeMin(0) ? `an entry's length is ${length}` : entryFault(view, at, end);
    if (fault !== undefined) {
      if (found.length > 0) break;
      throw corrupt(origin, int64At(view, at), fault);
    }
    take(view, at, end, found);
    at = end;
  }
  return found.map((batch) => new RecordBatch(bytes, view, batch));
}

/** What is wrong with the head of the entry from `at` to `end`, if anything is. */
function entryFault(view: DataView, at: number, end: number): string | undefined {
  const magic = view.getUint8(at + ENTRY.magic);
  if (magic > 2) return `there is no message format ${magic}`;
  const sizeMin = magic === 2 ? BATCH.head : messageSizeMin(magic);
  if (end - at < sizeMin) return `an entry of message format ${magic} has only ${end - at} bytes`;
  const attributes = magic === 2 ? view.getInt16(at + BATCH.attributes) : view.getUint8(at + MESSAGE.attributes);
  const compression = compressionOf(attributes);
  if (compression === undefined) return `the attributes ${attributes} name no compression`;
  if (compression === "zstd" && magic < 2) return `message format ${magic} cannot hold zstd`;
  const offset = int64At(view, at);
  const lastOffsetDelta = magic === 2 ? view.getInt32(at + BATCH.lastOffsetDelta) : 0;
  if (lastOffsetDelta < 0) return `its last offset lies ${-lastOffsetDelta} before its first`;
  // In what is produced a message's offset may be -1.
  const isOffset = offset >= (magic === 2 ? 0 : -1) && offset + lastOffsetDelta <= Number.MAX_SAFE_INTEGER;
  return isOffset ? undefined : `${offset} is no offset`;
}

/** Adds a sound entry: as a batch of its own, or to the run of plain messages that it continues. */
function take(view: DataView, start: number, end: number, found: Found[]): void {
  const magic = view.getUint8(start + ENTRY.magic) as 0 | 1 | 2;
  const baseOffset = int64At(view, start);
  if (magic === 2) {
    const lastOffset = baseOffset + view.getInt32(start + BATCH.lastOffsetDelta);
    const recordCount = view.getInt32(start + BATCH.recordCount);
    found.push({ magic, start, end, baseOffset, lastOffset, recordCount });
    return;
  }
  if (compressionOf(view.getUint8(start + MESSAGE.attributes)) !== "none") {
    found.push({ magic, start, end, baseOffset, lastOffset: baseOffset, recordCount: -1 });
    return;
  }
  const run = found.at(-1);
  if (run === undefined || run.magic !== magic || run.recordCount < 0) {
    found.push({ magic, start, end, baseOffset, lastOffset: baseOffset, recordCount: 1 });
    return;
  }
  run.end = end;
  run.lastOffset = Math.max(run.lastOffset, baseOffset);
  run.recordCount++;
}
