/** A cursor that writes big-endian values into memory that grows, and keeps large blocks by reference. */

import { KafkaError } from "../base/errors.ts";

const utf8 = new TextEncoder();

/** Up to here text is encoded by hand, if it is ASCII: calling TextEncoder costs more than what it does. */
const ASCII_CHARS_MAX = 32;

/** From this size on a block is kept by reference: a chunk more on the socket costs less than its copy. */
const ATTACHED_BYTES_MIN = 16 * 1024;

const TWO_32 = 0x1_0000_0000;
const TWO_63 = 0x8000_0000_0000_0000;

/** How many bytes `text` takes in UTF-8; half of a surrogate pair counts as U+FFFD, which it is written as. */
export function utf8Length(text: string): number {
  const chars = text.length;
  let bytes = chars;
  for (let i = 0; i < chars; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    if (code < 0x800) {
      bytes += 1;
      continue;
    }
    bytes += 2;
    // A pair takes four bytes, which is what two chars have got by now
    if (code >= 0xd800 && code < 0xdc00 && i + 1 < chars && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return bytes;
}

/** Writes values one after the other. A value that its type cannot hold throws `INVALID_OPTION`. */
export class Writer {
  /** The chunks before the open one. */
  readonly #chunks: Uint8Array[] = [];
  #chunksLength = 0;
  #bytes: Uint8Array;
  #view: DataView;
  /** Where the open chunk starts in `#bytes`, and where it ends so far. */
  #start = 0;
  #at = 0;

  /** Starts with room for `capacity` bytes. */
  constructor(capacity: number = 256) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How many bytes were written. */
  get length(): number {
    return this.#chunksLength + this.#at - this.#start;
  }

  /** Makes room for `size` more bytes and returns where they start. */
  #room(size: number): number {
    const at = this.#at;
    const end = at + size;
    if (end > this.#bytes.length) return this.#grow(size);
    this.#at = end;
    return at;
  }

  #grow(size: number): number {
    const used = this.#at - this.#start;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, used + size));
    grown.set(this.#bytes.subarray(this.#start, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
    this.#start = 0;
    this.#at = used + size;
    return used;
  }

  /** A signed byte. */
  int8(value: number): void {
    if ((value << 24 >> 24) !== value) throw misfit(value, "int8");
    // The room comes first: it may replace the view
    const at = this.#room(1);
    this.#view.setInt8(at, value);
  }

  /** Two bytes, signed. */
  int16(value: number): void {
    if ((value << 16 >> 16) !== value) throw misfit(value, "int16");
    const at = this.#room(2);
    this.#view.setInt16(at, value);
  }

  /** Four bytes, signed. */
  int32(value: number): void {
    if ((value | 0) !== value) throw misfit(value, "int32");
    const at = this.#room(4);
    this.#view.setInt32(at, value);
  }

  /** Two bytes, unsigned. */
  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw misfit(value, "uint16");
    const at = this.#room(2);
    this.#view.setUint16(at, value);
  }

  /** Four bytes, unsigned. */
  uint32(value: number): void {
    if ((value >>> 0) !== value) throw misfit(value, "uint32");
    const at = this.#room(4);
    this.#view.setUint32(at, value);
  }

  /** Eight bytes, IEEE 754. */
  float64(value: number): void {
    if (typeof value !== "number") throw misfit(value, "float64");
    const at = this.#room(8);
    this.#view.setFloat64(at, value);
  }

  /** Eight bytes, signed, of a whole number from -2^63 on; from 2^63 on it is written as Long.MAX_VALUE. */
  int64(value: number): void {
    let high = Math.floor(value / TWO_32);
    let low = value - high * TWO_32;
    if (value >= TWO_63) {
      high = 0x7fffffff;
      low = 0xffffffff;
    } else if (Math.floor(value) !== value || value < -TWO_63) throw misfit(value, "int64");
    const at = this.#room(8);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, low);
  }

  /** Eight bytes, signed and exact. */
  bigint64(value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) throw misfit(value, "int64");
    const at = this.#room(8);
    this.#view.setBigInt64(at, value);
  }

  /** An unsigned 32-bit number in one to five bytes of seven bits, the lowest first. */
  uvarint(value: number): void {
    if ((value >>> 0) !== value) throw misfit(value, "uint32");
    while (value > 0x7f) {
      const at = this.#room(1);
      this.#bytes[at] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  /** A signed 32-bit number, zigzag in one to five bytes. */
  varint(value: number): void {
    if ((value | 0) !== value) throw misfit(value, "int32");
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** A signed 64-bit number, zigzag in one to ten bytes; from 2^63 on it is written as Long.MAX_VALUE. */
  varlong(value: number): void {
    if ((value | 0) === value) return this.varint(value);
    if (value >= TWO_63) return this.put(LONG_MAX_ZIGZAG);
    if (Math.floor(value) !== value || value < -TWO_63) throw misfit(value, "int64");
    const negative = value < 0;
    // -value - 1 of the smallest one rounds up to 2^63, which is one bit too many
    if (value === -TWO_63) return this.put(LONG_MIN_ZIGZAG);
    let rest = negative ? -value - 1 : value;
    let byte = (rest % 64) * 2 + (negative ? 1 : 0);
    rest = Math.floor(rest / 64);
    while (rest > 0) {
      const at = this.#room(1);
      this.#bytes[at] = byte | 0x80;
      byte = rest % 128;
      rest = Math.floor(rest / 128);
    }
    const at = this.#room(1);
    this.#bytes[at] = byte;
  }

  /** The text in UTF-8, without a length; `size` is its {@linkcode utf8Length}, if it is known already. */
  text(value: string, size: number = utf8Length(value)): void {
    const at = this.#room(size);
    const bytes = this.#bytes;
    if (size === value.length && size <= ASCII_CHARS_MAX) {
      for (let i = 0; i < size; i++) bytes[at + i] = value.charCodeAt(i);
    } else utf8.encodeInto(value, bytes.subarray(at, at + size));
  }

  /** Copies the bytes. */
  put(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Keeps the bytes by reference, as a chunk of their own, if they are 16 KB or more; copies fewer. */
  attach(bytes: Uint8Array): void {
    if (bytes.length < ATTACHED_BYTES_MIN) return this.put(bytes);
    this.#seal();
    this.#chunks.push(bytes);
    this.#chunksLength += bytes.length;
  }

  #seal(): void {
    if (this.#at === this.#start) return;
    this.#chunks.push(this.#bytes.subarray(this.#start, this.#at));
    this.#chunksLength += this.#at - this.#start;
    this.#start = this.#at;
  }

  /** Overwrites four bytes of the first chunk, such as a size that is known only now. */
  setInt32(at: number, value: number): void {
    const first = this.#chunks[0] ?? this.#bytes.subarray(this.#start, this.#at);
    new DataView(first.buffer, first.byteOffset, first.byteLength).setInt32(at, value);
  }

  /** What was written, as chunks in their order; the last word of this writer. */
  finish(): Uint8Array[] {
    this.#seal();
    return this.#chunks;
  }
}

const LONG_MAX_ZIGZAG = Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
const LONG_MIN_ZIGZAG = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);

function misfit(value: unknown, type: string): KafkaError {
  return new KafkaError("INVALID_OPTION", `${shown(value)} is no ${type}`);
}

/** A value for an error: short, and never a reason for another error. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}
