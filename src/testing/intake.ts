/** What a broker makes of produced records before they go into its log: they are checked, and brought into the log's format. */

import { KafkaError } from "../base/errors.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { type Codecs, type Compression, compressionOf } from "../records/compression.ts";
import type { Message } from "../records/message.ts";
import { type Origin, recordBatches } from "../records/reading.ts";
import { errorNumbers } from "../base/error_codes.ts";
import { stampAppendTime } from "./append_time.ts";
import { type PlacedRecord, writeBatch, writeMessageSet } from "./formats.ts";
import { entrySize, viewOf } from "./log.ts";
import type { Release } from "./releases.ts";
import { DECOMPRESSED_BYTES_MAX } from "./stored.ts";

/** Records that may be appended. */
export interface Intake {
  /** How many. */
  readonly count: number;
  /** The largest timestamp, -1 for none; the log's own where that is what it keeps. */
  readonly maxTimestamp: number;
  /** Their bytes for a log that goes on at that offset; a promise only if a codec gives one. They belong to the log. */
  readonly bytes: (baseOffset: number) => Uint8Array | Promise<Uint8Array>;
}

/** Records that may not. */
export interface Refusal {
  /** Kafka's number for it. */
  readonly errorCode: number;
  /** A sentence for the client, which Produce carries from version 8 on. */
  readonly errorMessage: string | null;
  /** Whether the log itself refused them, and not what comes before it: then the answer has the log's start. */
  readonly byLog: boolean;
  /** Which records are the reason, by their number in the batch; Produce carries that from version 8 on (KIP-467). */
  readonly recordErrors?: readonly RecordError[];
}

/** What is wrong with one record. */
export interface RecordError {
  /** Its number in the batch. */
  readonly batchIndex: number;
  /** A sentence for the client. */
  readonly batchIndexErrorMessage: string | null;
}

/** By which rules. */
export interface IntakeRules {
  /** The release of the broker. */
  readonly release: Release;
  /** The oldest release in the cluster, which has to be able to read what is stored. */
  readonly floor: Release;
  /** The version of the request. */
  readonly version: number;
  /** Which codecs it has; without the right one it believes a batch of the newest format, and refuses an older one. */
  readonly codecs: Codecs;
  /** The largest batch, in bytes. */
  readonly bytesMax: number;
  /** The latest timestamp. */
  readonly timestampMax: number;
  /** The time now, in ms since 1970, if the log keeps that instead of the producer's. */
  readonly appendTime: number | undefined;
  /** Whether records need a key, because the topic is compacted. */
  readonly keysNeeded: boolean;
  /** Whether what real brokers tolerate is refused: a format that the version should not have, and a torn end. */
  readonly strict: boolean;
}

/** Where the parts of a record batch lie (`DefaultRecordBatch`). */
const AT = {
  magic: 16,
  crc: 17,
  attributes: 21,
  lastDelta: 23,
  maxTimestamp: 35,
  producerId: 43,
  sequence: 53,
  count: 57,
};
const BATCH_HEAD = 61;
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;

/** Which records a version of Produce may carry. */
function magicMax(version: number): number {
  return version >= 3 ? 2 : version === 2 ? 1 : 0;
}

/** Checks records and tells how they are to be stored (`ProduceRequest.validateRecords`, `UnifiedLog.append`, `LogValidator`). */
export async function takeIn(
  records: Uint8Array | null,
  origin: Origin,
  rules: IntakeRules,
): Promise<Intake | Refusal> {
  if (records === null && rules.version >= 3) {
    return refuseByLog(errorNumbers.UNKNOWN_SERVER_ERROR, "The records are null");
  }
  const bytes = tolerates(rules) ? wholeEntries(records) : records ?? new Uint8Array(0);
  // Whether there is one batch is looked at with the request, its base offset and then its size with the log.
  const shape = checkShape(bytes, { ...rules, bytesMax: Infinity }) ?? baseFault(bytes, rules) ??
    checkShape(bytes, rules);
  if (shape) return shape;
  if (bytes.length === 0) return { count: 0, maxTimestamp: -1, bytes: () => new Uint8Array(0) };
  try {
    if (bytes[AT.magic]! < 2) return await takeMessageSet(bytes, origin, rules);
    const taken = await takeBatch(bytes, origin, rules);
    return rules.floor.magic === 2 || "errorCode" in taken ? taken : await takeMessageSet(bytes, origin, rules);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.code === "UNSUPPORTED_COMPRESSION_TYPE") {
      return refuse(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE, error.message);
    }
    return refuse(errorNumbers.CORRUPT_MESSAGE, error.message);
  }
}

/** What is wrong with records before anybody looks at their log: that comes first of all, but for a topic that is not known. */
export function requestFault(records: Uint8Array | null, rules: IntakeRules): Refusal | undefined {
  if (records === null) return undefined;
  return checkShape(tolerates(rules) ? wholeEntries(records) : records, { ...rules, bytesMax: Infinity });
}

/** Whether the entries are whole, of a format that the request may carry, and as many as it may. */
export function checkShape(bytes: Uint8Array, rules: IntakeRules): Refusal | undefined {
  const { version, bytesMax, release: { invalidRecord, magic: ownMagic } } = rules;
  const magicLimit = tolerates(rules) ? ownMagic : magicMax(version);
  let entries = 0;
  for (let at = 0; at < bytes.length; entries++) {
    const left = bytes.length - at;
    const size = left > AT.crc ? entrySize(bytes, at) : left + 1;
    if (size <= AT.crc || size > left) return refuse(invalidRecord, "The records end inside an entry");
    const magic = bytes[at + AT.magic]!;
    if (magic > magicLimit || (version >= 3 && magic < 2)) {
      return refuse(invalidRecord, `Produce requests with version ${version} cannot contain records of magic ${magic}`);
    }
    if (size > bytesMax) {
      return refuse(
        errorNumbers.MESSAGE_TOO_LARGE,
        `The record batch has ${size} bytes, more than the ${bytesMax} allowed`,
      );
    }
    at += size;
  }
  const isSet = !(bytes[AT.magic]! >= 2);
  if ((version < 3 && isSet) || entries === 1) return undefined;
  return refuse(invalidRecord, `Produce requests with version ${version} must contain exactly one record batch`);
}

/** Clients have always sent what their version of Produce should not have, so brokers believe the magic byte (`ProduceRequest`). */
function tolerates({ version, strict }: IntakeRules): boolean {
  return version < 3 && !strict;
}

/** The entries that are whole: what is torn at the end is dropped. */
function wholeEntries(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) return new Uint8Array(0);
  let end = 0;
  while (bytes.length - end > AT.crc && entrySize(bytes, end) <= bytes.length - end) {
    const size = entrySize(bytes, end);
    if (size <= AT.crc) return bytes; // no entry is so short: that is for the check of their shape
    end += size;
  }
  return bytes.subarray(0, end);
}

function baseFault(bytes: Uint8Array, { release }: IntakeRules): Refusal | undefined {
  if (!(bytes[AT.magic]! >= 2) || viewOf(bytes).getBigInt64(0) === 0n) return undefined;
  return refuseByLog(release.invalidRecord, "The base offset of the record batch should be 0");
}

function refuse(errorCode: number, errorMessage: string): Refusal {
  return { errorCode, errorMessage, byLog: false };
}

/** Before 2.4 an invalid record is a corrupt message, and with that the log's start is not told (seen on 1.1.1). */
function refuseByLog(errorCode: number, errorMessage: string): Refusal {
  return { errorCode, errorMessage, byLog: errorCode !== errorNumbers.CORRUPT_MESSAGE };
}

async function takeBatch(bytes: Uint8Array, origin: Origin, rules: IntakeRules): Promise<Intake | Refusal> {
  if (bytes.length < BATCH_HEAD) {
    return refuse(errorNumbers.CORRUPT_MESSAGE, "The record batch is shorter than its head");
  }
  const view = viewOf(bytes);
  if (view.getUint32(AT.crc) !== crc32c(bytes, AT.attributes)) {
    return refuse(errorNumbers.CORRUPT_MESSAGE, "The record batch fails its checksum");
  }
  const attributes = view.getInt16(AT.attributes);
  const compression = compressionOf(attributes);
  if (compression === undefined || (compression === "zstd" && !rules.release.zstd)) {
    return refuseByLog(errorNumbers.UNKNOWN_SERVER_ERROR, `Unknown compression type id: ${attributes & 7}`);
  }
  if (compression === "zstd" && !rules.floor.zstd) {
    return refuseByLog(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE, "zstd needs all brokers to be of 2.1 or later");
  }
  if (compression === "zstd" && rules.version < 7) {
    return refuse(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE, "zstd needs Produce version 7");
  }
  const count = view.getInt32(AT.count);
  const maxTimestamp = Number(view.getBigInt64(AT.maxTimestamp));
  const canOpen = compression === "none" || rules.codecs[compression] !== undefined;
  const refusal = checkHead(view, attributes, count, rules) ??
    (canOpen ? await checkRecords(bytes, count, maxTimestamp, origin, rules) : checkTime(maxTimestamp, rules));
  return refusal ?? taken(count, maxTimestamp, rules, () => bytes.slice());
}

/** What is taken in, with the log's own time if that is what it keeps. */
function taken(count: number, maxTimestamp: number, { appendTime }: IntakeRules, bytes: Intake["bytes"]): Intake {
  if (appendTime === undefined) return { count, maxTimestamp, bytes };
  return {
    count,
    maxTimestamp: appendTime,
    bytes: (baseOffset) => {
      const made = bytes(baseOffset);
      return made instanceof Uint8Array
        ? stampAppendTime(made, appendTime)
        : made.then((late) => stampAppendTime(late, appendTime));
    },
  };
}

async function checkRecords(
  bytes: Uint8Array,
  count: number,
  maxTimestamp: number,
  origin: Origin,
  rules: IntakeRules,
): Promise<Refusal | undefined> {
  const batch = recordBatches(bytes, origin)[0]!;
  try {
    const list = await batch.open(origin, opening(rules, false));
    if (list.count !== count) {
      return refuseByLog(rules.release.invalidRecord, `The batch of ${count} records holds ${list.count}`);
    }
    if (!rules.keysNeeded && !isTooLate(maxTimestamp, rules)) return undefined;
    return checkEach(list, origin, rules) ?? checkTime(maxTimestamp, rules);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    const isPlain = batch.compression === "none";
    return refuseByLog(isPlain ? rules.release.invalidRecord : errorNumbers.UNKNOWN_SERVER_ERROR, error.message);
  }
}

function checkHead(view: DataView, attributes: number, count: number, rules: IntakeRules): Refusal | undefined {
  const { invalidRecord } = rules.release;
  if (count <= 0) return refuseByLog(invalidRecord, "The record batch is empty");
  if (view.getInt32(AT.lastDelta) !== count - 1) {
    return refuseByLog(invalidRecord, "The batch's offsets do not fit its count");
  }
  if (attributes & CONTROL) return refuseByLog(invalidRecord, "Clients are not allowed to write control records");
  if (attributes & LOG_APPEND_TIME && !rules.release.takesAppendTime) {
    return refuseByLog(errorNumbers.INVALID_TIMESTAMP, "Producers should not set the timestamp type to LogAppendTime");
  }
  const hasProducerId = view.getBigInt64(AT.producerId) >= 0n;
  if (hasProducerId && rules.floor.magic < 2) {
    return refuseByLog(
      errorNumbers.UNSUPPORTED_FOR_MESSAGE_FORMAT,
      "Numbered batches have no place in an older format",
    );
  }
  if (hasProducerId && view.getInt32(AT.sequence) < 0) return refuseByLog(invalidRecord, "The sequence is negative");
  if (attributes & TRANSACTIONAL && !hasProducerId) {
    return refuseByLog(invalidRecord, "A transaction needs a producer id");
  }
  return undefined;
}

function isTooLate(timestamp: number, { timestampMax, appendTime }: IntakeRules): boolean {
  return appendTime === undefined && timestamp > timestampMax;
}

function checkTime(maxTimestamp: number, rules: IntakeRules): Refusal | undefined {
  if (!isTooLate(maxTimestamp, rules)) return undefined;
  return refuseByLog(errorNumbers.INVALID_TIMESTAMP, `Timestamp ${maxTimestamp} is too far in the future`);
}

/** Whether every record has the key that it needs, and a possible time (`LogValidator.validateRecord`). */
function checkEach(messages: Iterable<Message>, origin: Origin, rules: IntakeRules): Refusal | undefined {
  const { invalidRecord, recordErrors: named } = rules.release;
  const recordErrors: RecordError[] = [];
  let errorCode: number = invalidRecord;
  let batchIndex = 0;
  for (const { key, timestamp } of messages) {
    const why = rules.keysNeeded && key === null
      ? `Compacted topic cannot accept message without key in topic partition ${origin.topic}-${origin.partition}`
      : isTooLate(timestamp, rules)
      ? `Timestamp ${timestamp} of record ${batchIndex} is after ${rules.timestampMax}`
      : undefined;
    if (why !== undefined) {
      if (isTooLate(timestamp, rules)) errorCode = errorNumbers.INVALID_TIMESTAMP;
      recordErrors.push({ batchIndex, batchIndexErrorMessage: why });
    }
    batchIndex++;
  }
  const first = recordErrors[0];
  if (!first) return undefined;
  if (named === "all") return { ...refuseByLog(errorCode, "One or more records have been rejected"), recordErrors };
  const refusal = refuseByLog(errorCode, first.batchIndexErrorMessage!);
  if (named === "none") return refusal;
  return { ...refusal, recordErrors: [{ ...first, batchIndexErrorMessage: null }] };
}

/** A message set: kept as it is if the log has its format and no offset in it is compressed, else written anew. */
async function takeMessageSet(bytes: Uint8Array, origin: Origin, rules: IntakeRules): Promise<Intake | Refusal> {
  const batches = recordBatches(bytes, origin);
  const messages: Message[] = [];
  let compression: Compression = "none";
  let hasOtherFormat = false;
  for (const batch of batches) {
    if (batch.compression !== "none") compression = batch.compression;
    if (batch.magic !== rules.floor.magic) hasOtherFormat = true;
    for (const message of await batch.open(origin, opening(rules, true))) messages.push(message);
  }
  if (messages.length === 0) return refuse(errorNumbers.CORRUPT_MESSAGE, "The compressed message is empty");
  const maxTimestamp = messages.reduce((max, { timestamp }) => Math.max(max, timestamp), -1);
  const refusal = checkEach(messages, origin, rules);
  if (refusal) return refusal;
  if (messages.some(({ headers }) => headers.length > 0)) {
    return refuseByLog(errorNumbers.UNKNOWN_SERVER_ERROR, "A record's headers have no place in an older format");
  }
  const count = messages.length;
  const isInPlace = compression === "none" || (rules.floor.magic === 1 && isNumbered(batches.length, messages));
  if (!hasOtherFormat && isInPlace) return taken(count, maxTimestamp, rules, () => bytes.slice());
  const source = messages.map(placed);
  const { codecs, floor: { magic } } = rules;
  if (magic === 2) return taken(count, maxTimestamp, rules, () => writeBatch(source, compression, codecs));
  return taken(count, maxTimestamp, rules, (baseOffset) =>
    writeMessageSet(
      magic,
      source.map((record, i) => ({ ...record, offset: baseOffset + i })),
      compression,
      codecs,
    ));
}

/** Whether the one compressed message holds offsets from 0 on, as clients since 0.10 write them (KIP-31). */
function isNumbered(wrappers: number, messages: readonly Message[]): boolean {
  return wrappers === 1 && messages.every((message, i) => message.offset === i);
}

/** A message as it is written anew: its bytes are still the request's, which is there until it is answered. */
function placed({ key, value, timestamp, offset }: Message): PlacedRecord {
  return { key, value, timestamp, offset, headers: [] };
}

function opening(rules: IntakeRules, checkCrc: boolean) {
  return { codecs: rules.codecs, checkCrc, decompressedLimit: DECOMPRESSED_BYTES_MAX };
}
