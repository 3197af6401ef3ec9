/** Writes batches as they may lie in a log, every field of their heads as it is given: for tools and tests. Producers have builders. */

import { KafkaError } from "../base/errors.ts";
import { crc32 } from "../bytes/crc32.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { utf8Length, Writer } from "../bytes/writer.ts";
import { compressed } from "./coding.ts";
import { type Codecs, type Compression, compressionId } from "./compression.ts";
import { ATTRIBUTES, BATCH, ENTRY, MESSAGE, setInt64 } from "./layout.ts";
import type { Bytes, RecordInput } from "./record.ts";

/** A record that has its place in the log. */
export interface PlacedRecord extends RecordInput {
  /** Its offset. */
  readonly offset: number;
}

/** A record batch (magic 2), or a message set (magic 0 and 1), as a broker keeps it. */
export interface PlacedBatch {
  /** The format: 2 since Kafka 0.11, 1 in 0.10, 0 before. */
  readonly magic: 0 | 1 | 2;
  /** The records, by their offsets; there may be gaps where compaction took some. Message sets have at least one. */
  readonly records: readonly PlacedRecord[];
  /** How they are compressed; `"none"` if not said. */
  readonly compression?: Compression;
  /** When the broker appended it, in milliseconds: then that is the timestamp of all of its records. Not in format 0. */
  readonly appendTime?: number | undefined;
  /** The offset that it begins with; that of the first record, or 0, if not said. Format 2 only, like the rest. */
  readonly baseOffset?: number;
  /** The offset that it ends with; that of the last record if not said, or `baseOffset` where there is no record left. */
  readonly lastOffset?: number;
  /** The epoch of the leader that appended it; -1 if not said. */
  readonly leaderEpoch?: number;
  /** Who produced it; -1, nobody in particular, if not said. */
  readonly producerId?: number;
  /** In which epoch of that producer; -1 if not said. */
  readonly producerEpoch?: number;
  /** The first record's number in the producer's sequence; -1 if not said. */
  readonly baseSequence?: number;
  /** Whether it belongs to a transaction. */
  readonly transactional?: boolean;
  /** Whether it holds a marker of the broker's: the end of a transaction, say. */
  readonly control?: boolean;
}

/**
 * The bytes of a batch. Compressed message sets are one message with the others inside, by their offsets in format 0, counted from the
 * first in format 1 (KIP-31). A promise only if the codec gives one. Throws `INVALID_OPTION` for what the format cannot hold,
 * `UNSUPPORTED_COMPRESSION_TYPE` where the codec is missing.
 */
export function encodeBatch(batch: PlacedBatch, codecs: Codecs = {}): Uint8Array | Promise<Uint8Array> {
  const { magic, compression = "none" } = batch;
  const plain = magic === 2 ? plainRecords(batch) : plainMessages(batch);
  if (compression === "none") return magic === 2 ? asBatch(batch, plain) : plain;
  const wrap = (bytes: Uint8Array) => magic === 2 ? asBatch(batch, bytes) : asMessage(batch, bytes);
  return compressed(plain, magic, { compression, codecs }, wrap);
}

function invalid(detail: string): KafkaError {
  return new KafkaError("INVALID_OPTION", `encodeBatch: ${detail}`);
}

/** The offsets that a batch of format 2 begins and ends with. */
function boundsOf({ records, baseOffset, lastOffset }: PlacedBatch): readonly [base: number, last: number] {
  const base = baseOffset ?? records[0]?.offset ?? 0;
  return [base, lastOffset ?? records.at(-1)?.offset ?? base];
}

function plainRecords(batch: PlacedBatch): Uint8Array {
  const { records } = batch;
  const [base, last] = boundsOf(batch);
  const baseTimestamp = records[0]?.timestamp ?? -1;
  const all = new Writer();
  for (const { offset, timestamp, key, value, headers } of records) {
    if (offset < base || offset > last) throw invalid(`the offset ${offset} is outside of ${base} to ${last}`);
    const one = new Writer(64);
    one.int8(0);
    one.varlong(timestamp - baseTimestamp);
    one.varint(offset - base);
    putNullable(one, key);
    putNullable(one, value);
    one.varint(headers.length);
    for (const [name, content] of headers) {
      putNullable(one, name);
      putNullable(one, content);
    }
    all.varint(one.length);
    for (const chunk of one.finish()) all.put(chunk);
  }
  return whole(all);
}

function putNullable(writer: Writer, content: Bytes | null): void {
  if (content === null) writer.varint(-1);
  else if (typeof content === "string") {
    const length = utf8Length(content);
    writer.varint(length);
    writer.text(content, length);
  } else {
    writer.varint(content.length);
    writer.put(content);
  }
}

function asBatch(batch: PlacedBatch, records: Uint8Array): Uint8Array {
  const { compression = "none", transactional, control, appendTime, leaderEpoch = -1 } = batch;
  const { producerId = -1, producerEpoch = -1, baseSequence = -1 } = batch;
  const [base, last] = boundsOf(batch);
  const timestamps = batch.records.map(({ timestamp }) => timestamp);
  const bytes = new Uint8Array(BATCH.head + records.length);
  bytes.set(records, BATCH.head);
  const view = new DataView(bytes.buffer);
  const flags = (transactional ? ATTRIBUTES.transactional : 0) | (control ? ATTRIBUTES.control : 0) |
    (appendTime === undefined ? 0 : ATTRIBUTES.appendTime);
  setInt64(view, 0, base);
  view.setInt32(ENTRY.length, bytes.length - ENTRY.head);
  view.setInt32(BATCH.leaderEpoch, leaderEpoch);
  view.setInt8(ENTRY.magic, 2);
  view.setInt16(BATCH.attributes, compressionId(compression) | flags);
  view.setInt32(BATCH.lastOffsetDelta, last - base);
  setInt64(view, BATCH.baseTimestamp, timestamps[0] ?? -1);
  setInt64(view, BATCH.maxTimestamp, appendTime ?? timestamps.reduce((a, b) => Math.max(a, b), -1));
  setInt64(view, BATCH.producerId, producerId);
  view.setInt16(BATCH.producerEpoch, producerEpoch);
  view.setInt32(BATCH.baseSequence, baseSequence);
  view.setInt32(BATCH.recordCount, batch.records.length);
  view.setUint32(BATCH.crc, crc32c(bytes, BATCH.attributes));
  return bytes;
}

/** The messages of a set, or those inside another one. */
function plainMessages(batch: PlacedBatch): Uint8Array {
  const { magic, records, compression = "none", appendTime } = batch;
  if (records.length === 0) throw invalid(`a message set of format ${magic} holds at least one message`);
  const isInside = compression !== "none";
  const from = isInside && magic === 1 ? records[0]!.offset : 0;
  const isAppended = !isInside && appendTime !== undefined && magic === 1;
  const all = new Writer();
  for (const record of records) {
    if (record.headers.length > 0) throw invalid(`a message of format ${magic} has no place for headers`);
    const timestamp = isAppended ? appendTime : record.timestamp;
    const attributes = isAppended ? ATTRIBUTES.appendTime : 0;
    all.put(message(magic, attributes, { ...record, offset: record.offset - from, timestamp }));
  }
  return whole(all);
}

/** The message around compressed ones: it has the last one's offset, and the latest timestamp or that of the broker. */
function asMessage({ magic, records, compression = "none", appendTime }: PlacedBatch, value: Uint8Array): Uint8Array {
  const isAppended = appendTime !== undefined && magic === 1;
  const timestamp = isAppended ? appendTime : records.reduce((max, record) => Math.max(max, record.timestamp), -1);
  const attributes = compressionId(compression) | (isAppended ? ATTRIBUTES.appendTime : 0);
  return message(magic, attributes, { offset: records.at(-1)!.offset, timestamp, key: null, value, headers: [] });
}

function message(magic: number, attributes: number, { offset, timestamp, key, value }: PlacedRecord): Uint8Array {
  const writer = new Writer();
  writer.int64(offset);
  writer.int32(0);
  writer.int32(0);
  writer.int8(magic);
  writer.int8(attributes);
  if (magic > 0) writer.int64(timestamp);
  for (const content of [key, value]) {
    if (content === null) writer.int32(-1);
    else {
      const size = typeof content === "string" ? utf8Length(content) : content.length;
      writer.int32(size);
      if (typeof content === "string") writer.text(content, size);
      else writer.put(content);
    }
  }
  const bytes = whole(writer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setInt32(ENTRY.length, bytes.length - ENTRY.head);
  view.setUint32(MESSAGE.crc, crc32(bytes, ENTRY.magic));
  return bytes;
}

/** All that was written; nothing of it was kept by reference, so it is one chunk, or none. */
function whole(writer: Writer): Uint8Array {
  return writer.finish()[0] ?? new Uint8Array(0);
}
