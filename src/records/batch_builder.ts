/** Writes a record batch, the format since Kafka 0.11 (KIP-98, `org.apache.kafka.common.record.DefaultRecordBatch`). */

import { crc32c } from "../bytes/crc32c.ts";
import { compressed } from "./coding.ts";
import { compressionId } from "./compression.ts";
import { ATTRIBUTES, BATCH, ENTRY, setInt64 } from "./layout.ts";
import type { BufferSource, BuildOptions, Bytes, RecordInput, RecordsBuilder } from "./record.ts";
import {
  bytesSizeMax,
  CAPACITY,
  checkNotEmpty,
  checkTimestamp,
  freshMemory,
  NO_BYTES,
  putRaw,
  withRoom,
} from "./room.ts";
import { putText } from "./text.ts";
import { lengthSize, putVarint, putVarlong } from "./varint.ts";

/** The length 5, the attributes 1, the timestamp 10, the offset 5, key and value 5 each, the number of headers 5. */
const RECORD_OVERHEAD = 36;
/** The lengths of a header's name and value. */
const HEADER_OVERHEAD = 10;

/** Bytes that a record takes at most in a batch. */
export function batchRecordSizeMax(record: RecordInput): number {
  let size = RECORD_OVERHEAD + bytesSizeMax(record.key) + bytesSizeMax(record.value);
  for (const [name, value] of record.headers) size += HEADER_OVERHEAD + bytesSizeMax(name) + bytesSizeMax(value);
  return size;
}

/** Builds one record batch. */
export class BatchBuilder implements RecordsBuilder {
  readonly magic = 2;
  readonly #buffers: BufferSource;
  #bytes: Uint8Array;
  #length: number = BATCH.head;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = -1;

  constructor(capacity: number = CAPACITY, buffers: BufferSource = freshMemory) {
    this.#buffers = buffers;
    this.#bytes = buffers.take(Math.max(capacity, BATCH.head));
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#length;
  }

  get maxTimestamp(): number {
    return this.#maxTimestamp;
  }

  append(record: RecordInput): void {
    checkTimestamp(record);
    const { key, value, headers, timestamp } = record;
    const start = this.#length;
    const bytes = this.#bytes = withRoom(this.#buffers, this.#bytes, start, batchRecordSizeMax(record));
    if (this.#count === 0) this.#baseTimestamp = timestamp;
    // The record's own length comes first. Its width is guessed as if all text were ASCII, and put right afterwards.
    const guessed = 4 + (key === null ? 1 : 1 + key.length) + (value === null ? 1 : 1 + value.length);
    const body = start + lengthSize(guessed);
    bytes[body] = 0;
    let at = putVarlong(bytes, body + 1, timestamp - this.#baseTimestamp);
    at = putVarint(bytes, at, this.#count);
    at = putNullable(bytes, at, key);
    at = putNullable(bytes, at, value);
    if (headers.length === 0) bytes[at++] = 0;
    else {
      at = putVarint(bytes, at, headers.length);
      for (const [name, content] of headers) at = putNullable(bytes, putNullable(bytes, at, name), content);
    }
    this.#length = putLength(bytes, start, body, at);
    this.#count++;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
  }

  build(options: BuildOptions): Uint8Array | Promise<Uint8Array> {
    checkNotEmpty(this.#count);
    const { compression, codecs, compressionLevel: level } = options;
    if (compression === "none") return this.#finish(this.#bytes.subarray(0, this.#length), options);
    const records = this.#bytes.subarray(BATCH.head, this.#length);
    return compressed(records, this.magic, { compression, codecs, level }, (bytes) => this.#wrap(bytes, options));
  }

  release(): void {
    this.#buffers.give(this.#bytes);
    this.#bytes = NO_BYTES;
  }

  #wrap(compressed: Uint8Array, options: BuildOptions): Uint8Array {
    const batch = new Uint8Array(BATCH.head + compressed.length);
    batch.set(compressed, BATCH.head);
    return this.#finish(batch, options);
  }

  /** Fills in the head, the checksum last. */
  #finish(batch: Uint8Array, options: BuildOptions): Uint8Array {
    const { compression, producerId = -1, producerEpoch = -1, baseSequence = -1, transactional = false } = options;
    const view = new DataView(batch.buffer, batch.byteOffset, BATCH.head);
    setInt64(view, 0, 0);
    view.setInt32(ENTRY.length, batch.length - ENTRY.head);
    view.setInt32(BATCH.leaderEpoch, -1);
    view.setInt8(ENTRY.magic, this.magic);
    view.setInt16(
      BATCH.attributes,
      compressionId(compression) | (transactional ? ATTRIBUTES.transactional : 0),
    );
    view.setInt32(BATCH.lastOffsetDelta, this.#count - 1);
    setInt64(view, BATCH.baseTimestamp, this.#baseTimestamp);
    setInt64(view, BATCH.maxTimestamp, this.#maxTimestamp);
    setInt64(view, BATCH.producerId, producerId);
    view.setInt16(BATCH.producerEpoch, producerEpoch);
    view.setInt32(BATCH.baseSequence, baseSequence);
    view.setInt32(BATCH.recordCount, this.#count);
    view.setUint32(BATCH.crc, crc32c(batch, BATCH.attributes));
    return batch;
  }
}

/** The numbers of an idempotent producer's batch. */
export interface BatchNumbers {
  /** Whose batch it is. */
  readonly producerId: number;
  /** In which epoch of that producer. */
  readonly epoch: number;
  /** The first record's number. */
  readonly sequence: number;
}

/** The same batch under other numbers: a copy, since the bytes that there were may still be on their way somewhere. */
export function renumbered(batch: Uint8Array, { producerId, epoch, sequence }: BatchNumbers): Uint8Array {
  const copy = batch.slice();
  const view = new DataView(copy.buffer);
  setInt64(view, BATCH.producerId, producerId);
  view.setInt16(BATCH.producerEpoch, epoch);
  view.setInt32(BATCH.baseSequence, sequence);
  view.setUint32(BATCH.crc, crc32c(copy, BATCH.attributes));
  return copy;
}

/** Puts the length of what lies from `from` to `end` at `at`, and closes or opens the gap if its width was guessed wrong. */
function putLength(bytes: Uint8Array, at: number, from: number, end: number): number {
  const length = end - from;
  const shift = at + lengthSize(length) - from;
  if (shift !== 0) bytes.copyWithin(from + shift, from, end);
  putVarint(bytes, at, length);
  return end + shift;
}

/** Writes a length and the bytes, or the length -1 for null; gives the position after them. */
function putNullable(bytes: Uint8Array, at: number, content: Bytes | null): number {
  if (content === null) {
    bytes[at] = 1;
    return at + 1;
  }
  const from = at + lengthSize(content.length);
  if (typeof content === "string") return putLength(bytes, at, from, putText(bytes, from, content));
  putVarint(bytes, at, content.length);
  return putRaw(bytes, from, content);
}
