/** Records written anew in another message format, as a broker does for clients that are older or newer than its log. */

import { brokerError } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { crc32 } from "../bytes/crc32.ts";
import { recordsBuilder } from "../records/builder.ts";
import type { RecordInput } from "../records/builder.ts";
import { compressed } from "../records/coding.ts";
import { type Codecs, type Compression, compressionId } from "../records/compression.ts";
import { type Origin, recordBatches } from "../records/reading.ts";
import { errorNumbers } from "../base/error_codes.ts";
import { entrySize, join, viewOf } from "./log.ts";
import { DECOMPRESSED_BYTES_MAX } from "./stored.ts";

/** A record that has its place in the log. */
export interface PlacedRecord extends RecordInput {
  /** Its offset. */
  readonly offset: number;
}

/** Where the parts of a message's entry lie. */
const AT = { crc: 12, magic: 16, attributes: 17 };
/** An entry's offset and size. */
const ENTRY_HEAD = 12;
/** The head of a batch of magic 2. */
const BATCH_HEAD = 61;

/** One record batch (magic 2), its offsets from 0 on. */
export function writeBatch(
  records: readonly RecordInput[],
  compression: Compression,
  codecs: Codecs,
): Uint8Array | Promise<Uint8Array> {
  const builder = recordsBuilder(2);
  for (const record of records) builder.append(record);
  return builder.build({ compression, codecs });
}

/**
 * A message set with the records' own offsets. Compressed, they are the offsets themselves in magic 0, and count from the first
 * in magic 1, where the message around them has the last one's offset (KIP-31).
 */
export async function writeMessageSet(
  magic: 0 | 1,
  records: readonly PlacedRecord[],
  compression: Compression,
  codecs: Codecs,
): Promise<Uint8Array> {
  const first = records[0]!.offset, last = records[records.length - 1]!.offset;
  const isRelative = magic === 1 && compression !== "none";
  const builder = recordsBuilder(magic);
  for (const record of records) builder.append(record);
  const set = await builder.build({ compression: "none", codecs });
  const view = viewOf(set);
  let at = 0;
  for (const { offset } of records) {
    view.setBigInt64(at, BigInt(isRelative ? offset - first : offset));
    at += entrySize(set, at);
  }
  if (compression === "none") return set;
  const value = await compressed(set, magic, { compression, codecs }, (bytes) => bytes);
  const wrapper = recordsBuilder(magic);
  wrapper.append({ key: null, value, headers: [], timestamp: builder.maxTimestamp });
  const entry = await wrapper.build({ compression: "none", codecs });
  const head = viewOf(entry);
  head.setBigInt64(0, BigInt(last));
  head.setUint8(AT.attributes, compressionId(compression));
  head.setUint32(AT.crc, crc32(entry, AT.magic));
  return entry;
}

/** How to convert for a reader that is older than the log. */
export interface DownConversion {
  /** The newest format that the reader knows. */
  readonly magic: 0 | 1;
  /** From which offset on it asked: what is before it in a batch that is not compressed is left out. */
  readonly from: number;
  /** Which codecs there are. */
  readonly codecs: Codecs;
  /** Whether the result takes as many bytes as there were, or as the first entry takes if that is more (KIP-283). */
  readonly pads: boolean;
  /** Whether records with headers make it fail, as in 0.11; else they lose them. */
  readonly headersBlock: boolean;
}

/** The newest message format that a version of Fetch may be answered with. */
export function fetchMagic(version: number): 0 | 1 | 2 {
  return version <= 1 ? 0 : version <= 3 ? 1 : 2;
}

/**
 * The entries in a format that an older reader knows (`RecordsUtil.downConvert`). Padded, what is longer is cut off, and what is
 * shorter is filled with an entry that does not end (`LazyDownConversionRecordsSend`). Throws `UNSUPPORTED_COMPRESSION_TYPE` for
 * zstd, `UNKNOWN_SERVER_ERROR` for headers where they block.
 */
export async function downConvert(bytes: Uint8Array, origin: Origin, to: DownConversion): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const batch of recordBatches(bytes, origin)) {
    if (batch.magic <= to.magic) {
      parts.push(batch.bytes);
      continue;
    }
    if (batch.isControl) continue;
    const { codecs } = to;
    const list = await batch.open(origin, { codecs, checkCrc: false, decompressedLimit: DECOMPRESSED_BYTES_MAX });
    const records: PlacedRecord[] = [];
    for (const { key, value, timestamp, offset, headers } of list) {
      if (offset < to.from && batch.compression === "none") continue;
      if (to.headersBlock && headers.length > 0) {
        throw new KafkaError(
          brokerError(errorNumbers.UNKNOWN_SERVER_ERROR),
          "a record's headers have no place in an older format",
        );
      }
      records.push({ key, value, timestamp, offset, headers: [] });
    }
    if (records.length > 0) parts.push(await writeMessageSet(to.magic, records, batch.compression, codecs));
  }
  if (parts.length === 0) return bytes;
  const made = parts.reduce((sum, part) => sum + part.length, 0);
  if (!to.pads) return join(parts, made);
  const size = Math.max(bytes.length, parts[0]!.length);
  if (made < size) parts.push(endless(size - made));
  return join(parts, size);
}

/** Bytes that a reader takes for an entry whose end has not come. */
function endless(size: number): Uint8Array {
  const entry = new Uint8Array(Math.max(size, ENTRY_HEAD));
  const view = viewOf(entry);
  view.setBigInt64(0, -1n);
  view.setInt32(8, Math.max(size + 1, BATCH_HEAD));
  return entry.subarray(0, size);
}
