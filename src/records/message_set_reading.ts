/** Opens what Kafka before 0.11 wrote: runs of plain messages, and messages that hold a compressed set of others. */

import { crc32 } from "../bytes/crc32.ts";
import { decompressed } from "./coding.ts";
import { compressionOf } from "./compression.ts";
import { ATTRIBUTES, ENTRY, int64At, MESSAGE, messageHead, messageSizeMin } from "./layout.ts";
import type { Header, MessageSource } from "./message.ts";
import { corrupt, crcDiffers, type Origin, type ReadOptions } from "./origin.ts";
import { RecordList } from "./record_list.ts";

/** The bytes of a set or of a part of it, with the one view of them. */
interface SetBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const NO_HEADERS: readonly Header[] = Object.freeze([]);

/** Opens a run of `count` plain messages that `bytes` are. */
export function openRun(
  bytes: Uint8Array,
  view: DataView,
  count: number,
  origin: Origin,
  options: ReadOptions,
): RecordList {
  const set = { bytes, view };
  const positions = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    positions[i] = at;
    const end = entryEnd(set.view, at);
    checkMessage(set, at, end, int64At(set.view, at), origin, options);
    at = end;
  }
  return new RecordList(new SetMessages(set, 0, undefined, origin), positions);
}

/** Opens the one message that `bytes` are and the set inside it. Its offset is that of the last one inside. */
export function openWrapper(
  bytes: Uint8Array,
  view: DataView,
  magic: 0 | 1,
  origin: Origin,
  options: ReadOptions,
): RecordList | Promise<RecordList> {
  const wrapper = { bytes, view };
  const offset = int64At(wrapper.view, 0);
  checkMessage(wrapper, 0, bytes.length, offset, origin, options);
  const compression = compressionOf(bytes[MESSAGE.attributes]!)!;
  const compressed = valueOf(wrapper, 0);
  if (compression === "none") throw corrupt(origin, offset, "a plain message holds no others");
  if (compressed === null) throw corrupt(origin, offset, `a message compressed with ${compression} has no value`);
  return decompressed(compressed, compression, magic, origin, offset, options, (plain) => {
    const set = { bytes: plain, view: new DataView(plain.buffer, plain.byteOffset, plain.length) };
    const positions = innerPositions(set, offset, origin, options);
    const base = innerBase(set.view, positions, magic, offset);
    checkOffsets(set.view, positions, base, offset, origin);
    return new RecordList(new SetMessages(set, base, appendTimeOf(wrapper, magic), origin), positions);
  });
}

/** Where the entry ends that begins at a position, as its length says. */
function entryEnd(view: DataView, at: number): number {
  return at + ENTRY.head + view.getInt32(at + ENTRY.length);
}

/** Where each message of a set inside a message begins; none of them may be compressed again, or only a part of one. */
function innerPositions(set: SetBytes, offset: number, origin: Origin, options: ReadOptions): Int32Array {
  const { bytes, view } = set;
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const left = bytes.length - at;
    const end = left < messageSizeMin(0) ? Infinity : entryEnd(view, at);
    if (end > bytes.length || end < at + messageSizeMin(0)) {
      throw corrupt(origin, offset, `message ${count} of a compressed set does not fit into the ${left} bytes left`);
    }
    at = end;
  }
  if (count === 0) throw corrupt(origin, offset, "a compressed set is empty");
  const positions = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    positions[i] = at;
    const end = entryEnd(view, at);
    if (bytes[at + ENTRY.magic]! > 1) throw corrupt(origin, offset, "a compressed set holds a batch of another format");
    checkMessage(set, at, end, offset, origin, options);
    if (compressionOf(bytes[at + MESSAGE.attributes]!) !== "none") {
      throw corrupt(origin, offset, "a message of a compressed set is compressed again");
    }
    at = end;
  }
  return positions;
}

/**
 * What is to be added to the offsets inside: nothing for magic 0; for magic 1 what brings the last one to the wrapper's.
 * A wrapper at 0 that says more inside comes from old librdkafkas that produce (`AbstractLegacyRecordBatch`).
 */
function innerBase(view: DataView, positions: Int32Array, magic: 0 | 1, offset: number): number {
  if (magic === 0 || offset === 0) return 0;
  return offset - int64At(view, positions.at(-1)!);
}

/** What is produced may say what it likes, 0 or -1; in a log no message inside comes after its wrapper. */
function checkOffsets(view: DataView, positions: Int32Array, base: number, offset: number, origin: Origin): void {
  const last = offset > 0 ? offset : Number.MAX_SAFE_INTEGER;
  for (const at of positions) {
    const inner = base + int64At(view, at);
    if (inner >= -1 && inner <= last) continue;
    throw corrupt(origin, offset, `a message of the compressed set has the offset ${inner}`);
  }
}

/** The timestamp of all messages inside if the broker gave it when it appended them. */
function appendTimeOf(wrapper: SetBytes, magic: 0 | 1): number | undefined {
  if (magic === 0 || (wrapper.bytes[MESSAGE.attributes]! & ATTRIBUTES.appendTime) === 0) return undefined;
  return int64At(wrapper.view, MESSAGE.timestamp);
}

/** Checks the CRC of the message from `at` to `end`, and that key and value fill it. */
function checkMessage(
  set: SetBytes,
  at: number,
  end: number,
  offset: number,
  origin: Origin,
  options: ReadOptions,
): void {
  const { bytes, view } = set;
  if (options.checkCrc) {
    const computed = crc32(bytes, at + ENTRY.magic, end);
    const stored = view.getUint32(at + MESSAGE.crc);
    if (computed !== stored) throw corrupt(origin, offset, crcDiffers(computed, stored));
  }
  const magic = bytes[at + ENTRY.magic]!;
  let part = at + messageHead(magic);
  if (end < at + messageSizeMin(magic)) throw corrupt(origin, offset, `a message has only ${end - at} bytes`);
  const keyLength = view.getInt32(part);
  part += 4;
  if (keyLength < -1 || keyLength > end - part - 4) throw corrupt(origin, offset, `a key's length is ${keyLength}`);
  if (keyLength > 0) part += keyLength;
  const valueLength = view.getInt32(part);
  part += 4;
  if (valueLength < -1 || Math.max(0, valueLength) !== end - part) {
    throw corrupt(origin, offset, `a value's length is ${valueLength}, and ${end - part} bytes are left`);
  }
}

/** Reads parts of messages that were checked; a message's position is that of its entry. */
class SetMessages implements MessageSource {
  readonly topic: string;
  readonly partition: number;
  readonly #set: SetBytes;
  readonly #baseOffset: number;
  readonly #appendTime: number | undefined;

  constructor(set: SetBytes, baseOffset: number, appendTime: number | undefined, origin: Origin) {
    this.topic = origin.topic;
    this.partition = origin.partition;
    this.#set = set;
    this.#baseOffset = baseOffset;
    this.#appendTime = appendTime;
  }

  offsetAt(at: number): number {
    return this.#baseOffset + int64At(this.#set.view, at);
  }

  timestampAt(at: number): number {
    if (this.#appendTime !== undefined) return this.#appendTime;
    return this.#set.bytes[at + ENTRY.magic] === 0 ? -1 : int64At(this.#set.view, at + MESSAGE.timestamp);
  }

  keyAt(at: number): Uint8Array | null {
    return nullableAt(this.#set, at + messageHead(this.#set.bytes[at + ENTRY.magic]!));
  }

  valueAt(at: number): Uint8Array | null {
    return valueOf(this.#set, at);
  }

  headersAt(_at: number): readonly Header[] {
    return NO_HEADERS;
  }
}

/** The value of the message whose entry begins at a position. */
function valueOf(set: SetBytes, at: number): Uint8Array | null {
  const key = at + messageHead(set.bytes[at + ENTRY.magic]!);
  return nullableAt(set, key + 4 + Math.max(0, set.view.getInt32(key)));
}

/** The bytes behind the length at a position, or null if that is -1. */
function nullableAt(set: SetBytes, at: number): Uint8Array | null {
  const length = set.view.getInt32(at);
  return length < 0 ? null : set.bytes.subarray(at + 4, at + 4 + length);
}
