/** Opens a record batch, the format since Kafka 0.11: finds and checks every record, and reads their parts on demand. */

import { crc32c } from "../bytes/crc32c.ts";
import { decompressed } from "./coding.ts";
import { compressionOf } from "./compression.ts";
import { ATTRIBUTES, BATCH, int64At } from "./layout.ts";
import type { Header, MessageSource } from "./message.ts";
import { corrupt, crcDiffers, type Origin, type ReadOptions } from "./origin.ts";
import { RecordList } from "./record_list.ts";
import { textOf } from "./text.ts";
import { varintAt, varintEnd, varlongAt } from "./varint.ts";

/** A record's length, attributes, timestamp, offset, the lengths of key and value, the number of headers: a byte each. */
const RECORD_SIZE_MIN = 7;
/** A header's two lengths. */
const HEADER_SIZE_MIN = 2;

const NO_HEADERS: readonly Header[] = Object.freeze([]);

/** Opens the batch that `bytes` are. */
export function openBatch(
  bytes: Uint8Array,
  view: DataView,
  baseOffset: number,
  origin: Origin,
  options: ReadOptions,
): RecordList | Promise<RecordList> {
  if (options.checkCrc) {
    const computed = crc32c(bytes, BATCH.attributes);
    const stored = view.getUint32(BATCH.crc);
    if (computed !== stored) throw corrupt(origin, baseOffset, crcDiffers(computed, stored));
  }
  const compression = compressionOf(view.getInt16(BATCH.attributes))!;
  if (compression === "none") return listRecords(view, bytes, BATCH.head, baseOffset, origin);
  const compressed = bytes.subarray(BATCH.head);
  return decompressed(
    compressed,
    compression,
    2,
    origin,
    baseOffset,
    options,
    (plain) => listRecords(view, plain, 0, baseOffset, origin),
  );
}

/** Checks every record and notes where it begins; the head says how many there are, and is believed only if they fit. */
function listRecords(
  head: DataView,
  bytes: Uint8Array,
  start: number,
  baseOffset: number,
  origin: Origin,
): RecordList {
  const count = head.getInt32(BATCH.recordCount);
  const offsetDeltaMax = head.getInt32(BATCH.lastOffsetDelta);
  const room = Math.floor((bytes.length - start) / RECORD_SIZE_MIN);
  if (count < 0 || count > room) {
    throw corrupt(origin, baseOffset, `the batch says that it has ${count} records, and has room for ${room}`);
  }
  const positions = new Int32Array(count);
  let at = start;
  for (let i = 0; i < count; i++) {
    const length = varintAt(bytes, at);
    at = varintEnd(bytes, at);
    const end = at + length;
    positions[i] = at;
    const fault = length < RECORD_SIZE_MIN - 1 || end > bytes.length
      ? `its length is ${length}, and ${Math.max(0, bytes.length - at)} bytes are left`
      : recordFault(bytes, at, end, offsetDeltaMax);
    if (fault !== undefined) throw corrupt(origin, baseOffset, `record ${i} of ${count} makes no sense: ${fault}`);
    at = end;
  }
  if (at !== bytes.length) {
    throw corrupt(origin, baseOffset, `${bytes.length - at} bytes are left after the last of ${count} records`);
  }
  return new RecordList(new BatchRecords(head, bytes, baseOffset, origin), positions);
}

/** What is wrong with the record from `at` to `end`, if anything is. */
function recordFault(bytes: Uint8Array, at: number, end: number, offsetDeltaMax: number): string | undefined {
  at = varintEnd(bytes, at + 1);
  const offsetDelta = varintAt(bytes, at);
  if (offsetDelta < 0 || offsetDelta > offsetDeltaMax) return `its offset lies ${offsetDelta} after the batch's`;
  at = varintEnd(bytes, at);
  const keyLength = varintAt(bytes, at);
  at = varintEnd(bytes, at);
  if (keyLength < -1 || keyLength > end - at) return `its key's length is ${keyLength}`;
  if (keyLength > 0) at += keyLength;
  const valueLength = varintAt(bytes, at);
  at = varintEnd(bytes, at);
  if (valueLength < -1 || valueLength > end - at) return `its value's length is ${valueLength}`;
  if (valueLength > 0) at += valueLength;
  const headers = varintAt(bytes, at);
  at = varintEnd(bytes, at);
  if (headers !== 0) {
    if (headers < 0 || headers > (end - at) / HEADER_SIZE_MIN) return `the number of its headers is ${headers}`;
    at = headersEnd(bytes, at, end, headers);
    if (at < 0) return "a header leaves it";
  }
  return at === end ? undefined : `it is ${end - at} bytes longer than what is in it`;
}

/** The position after the headers, or -1 if one of them leaves the record. */
function headersEnd(bytes: Uint8Array, at: number, end: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const nameLength = varintAt(bytes, at);
    at = varintEnd(bytes, at);
    if (nameLength < 0 || nameLength > end - at) return -1;
    at += nameLength;
    const valueLength = varintAt(bytes, at);
    at = varintEnd(bytes, at);
    if (valueLength < -1 || valueLength > end - at) return -1;
    if (valueLength > 0) at += valueLength;
  }
  return at;
}

/** Reads parts of records that were checked; a record's position is that of its attributes, behind its length. */
class BatchRecords implements MessageSource {
  readonly topic: string;
  readonly partition: number;
  readonly #bytes: Uint8Array;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  /** The one timestamp of all records if the broker gave it when it appended them, else `undefined`. */
  readonly #appendTime: number | undefined;

  constructor(head: DataView, bytes: Uint8Array, baseOffset: number, origin: Origin) {
    this.topic = origin.topic;
    this.partition = origin.partition;
    this.#bytes = bytes;
    this.#baseOffset = baseOffset;
    this.#baseTimestamp = int64At(head, BATCH.baseTimestamp);
    const isAppendTime = (head.getInt16(BATCH.attributes) & ATTRIBUTES.appendTime) !== 0;
    this.#appendTime = isAppendTime ? int64At(head, BATCH.maxTimestamp) : undefined;
  }

  timestampAt(at: number): number {
    return this.#appendTime ?? this.#baseTimestamp + varlongAt(this.#bytes, at + 1);
  }

  offsetAt(at: number): number {
    return this.#baseOffset + varintAt(this.#bytes, varintEnd(this.#bytes, at + 1));
  }

  keyAt(at: number): Uint8Array | null {
    return viewAt(this.#bytes, keyStart(this.#bytes, at));
  }

  valueAt(at: number): Uint8Array | null {
    return viewAt(this.#bytes, viewEnd(this.#bytes, keyStart(this.#bytes, at)));
  }

  headersAt(at: number): readonly Header[] {
    const bytes = this.#bytes;
    at = viewEnd(bytes, viewEnd(bytes, keyStart(bytes, at)));
    const count = varintAt(bytes, at);
    if (count === 0) return NO_HEADERS;
    at = varintEnd(bytes, at);
    const headers: Header[] = [];
    for (let i = 0; i < count; i++) {
      const name = textOf(viewAt(bytes, at)!);
      at = viewEnd(bytes, at);
      headers.push([name, viewAt(bytes, at)]);
      at = viewEnd(bytes, at);
    }
    return headers;
  }
}

/** Where the key's length lies in the record whose attributes are at `at`. */
function keyStart(bytes: Uint8Array, at: number): number {
  return varintEnd(bytes, varintEnd(bytes, at + 1));
}

/** The bytes behind the length at `at`, or null if that is -1. */
function viewAt(bytes: Uint8Array, at: number): Uint8Array | null {
  const length = varintAt(bytes, at);
  if (length < 0) return null;
  const start = varintEnd(bytes, at);
  return bytes.subarray(start, start + length);
}

/** The position after the bytes whose length is at `at`. */
function viewEnd(bytes: Uint8Array, at: number): number {
  const length = varintAt(bytes, at);
  const start = varintEnd(bytes, at);
  return length > 0 ? start + length : start;
}
