/** Writes a message set, the format before Kafka 0.11: magic 0, or 1 with timestamps (KIP-31, KIP-32, `org.apache.kafka.common.record.LegacyRecord`). */

import { KafkaError } from "../base/errors.ts";
import { crc32 } from "../bytes/crc32.ts";
import { compressed } from "./coding.ts";
import { type Compression, compressionId } from "./compression.ts";
import { ENTRY, MESSAGE, messageHead, messageSizeMin, setInt64 } from "./layout.ts";
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

/** Bytes that a record takes at most in a message set. */
export function messageSizeMax(magic: 0 | 1, record: RecordInput): number {
  return messageSizeMin(magic) + bytesSizeMax(record.key) + bytesSizeMax(record.value);
}

/** Builds one message set; with compression a set of one message that holds the others. */
export class MessageSetBuilder implements RecordsBuilder {
  readonly magic: 0 | 1;
  readonly #buffers: BufferSource;
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #count = 0;
  #maxTimestamp = -1;

  constructor(magic: 0 | 1, capacity: number = CAPACITY, buffers: BufferSource = freshMemory) {
    this.magic = magic;
    this.#buffers = buffers;
    this.#bytes = buffers.take(capacity);
    this.#view = new DataView(this.#bytes.buffer);
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
    if (record.headers.length > 0) {
      throw new KafkaError(
        "UNSUPPORTED_FEATURE",
        "record headers need Kafka 0.11, and the partition's leader is older",
      );
    }
    this.#reserve(messageSizeMax(this.magic, record));
    this.#length = putMessage(this.#bytes, this.#view, this.#length, this.magic, 0, this.#count, record);
    this.#count++;
    if (this.magic > 0 && record.timestamp > this.#maxTimestamp) this.#maxTimestamp = record.timestamp;
  }

  build(options: BuildOptions): Uint8Array | Promise<Uint8Array> {
    checkNotEmpty(this.#count);
    const { compression, codecs, compressionLevel: level } = options;
    const set = this.#bytes.subarray(0, this.#length);
    if (compression === "none") return set;
    return compressed(set, this.magic, { compression, codecs, level }, (bytes) => this.#wrap(bytes, compression));
  }

  release(): void {
    this.#buffers.give(this.#bytes);
    this.#bytes = NO_BYTES;
  }

  /** The message that holds the compressed ones: it has the last one's offset and the latest timestamp. */
  #wrap(compressed: Uint8Array, compression: Compression): Uint8Array {
    const bytes = new Uint8Array(messageSizeMin(this.magic) + compressed.length);
    const view = new DataView(bytes.buffer);
    const attributes = compressionId(compression);
    const wrapper = { key: null, value: compressed, headers: [], timestamp: this.#maxTimestamp };
    putMessage(bytes, view, 0, this.magic, attributes, this.#count - 1, wrapper);
    return bytes;
  }

  #reserve(more: number): void {
    const bytes = withRoom(this.#buffers, this.#bytes, this.#length, more);
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Writes a message with its entry's offset and size, and gives the position after it; there must be room. */
function putMessage(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  magic: 0 | 1,
  attributes: number,
  offset: number,
  { key, value, timestamp }: RecordInput,
): number {
  setInt64(view, start, offset);
  bytes[start + ENTRY.magic] = magic;
  bytes[start + MESSAGE.attributes] = attributes;
  if (magic > 0) setInt64(view, start + MESSAGE.timestamp, timestamp);
  const end = putNullable(bytes, view, putNullable(bytes, view, start + messageHead(magic), key), value);
  view.setInt32(start + ENTRY.length, end - start - ENTRY.head);
  view.setUint32(start + MESSAGE.crc, crc32(bytes, start + ENTRY.magic, end));
  return end;
}

/** Writes a length and the bytes, or the length -1 for null; gives the position after them. */
function putNullable(bytes: Uint8Array, view: DataView, at: number, content: Bytes | null): number {
  let end = at + 4;
  if (typeof content === "string") end = putText(bytes, end, content);
  else if (content !== null) end = putRaw(bytes, end, content);
  view.setInt32(at, content === null ? -1 : end - at - 4);
  return end;
}
