/** A cursor that reads big-endian values, and believes nothing about lengths that it has not checked. */

import { KafkaError } from "../base/errors.ts";

// Broken UTF-8 becomes U+FFFD, as in Java: one odd name must not cost the whole message. A byte order mark is text.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to here ASCII is decoded by hand: calling TextDecoder costs more than what it does. */
const ASCII_BYTES_MAX = 24;

const TWO_32 = 0x1_0000_0000;

/** Reads values one after the other. What lies outside is never read: it throws `PROTOCOL_ERROR`. */
export class Reader {
  /** All of the bytes, those that were read included. */
  readonly bytes: Uint8Array;
  /** Where the next value starts in `bytes`. */
  offset: number = 0;
  /** How many array items this reader has allowed room for; a test holds it against the size of the bytes. */
  items: number = 0;
  readonly #view: DataView;
  readonly #end: number;

  /** Reads from the start of `bytes`, which must not change while values that are views of it are in use. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#end - this.offset;
  }

  /** Moves over `size` bytes and returns where they start. */
  #pass(size: number): number {
    const at = this.offset;
    const next = at + size;
    if (next > this.#end) throw this.#short(size);
    this.offset = next;
    return at;
  }

  #short(size: number): KafkaError {
    return new KafkaError("PROTOCOL_ERROR", `${size} bytes are needed at ${this.offset}, ${this.remaining} are left`);
  }

  /** A signed byte. */
  int8(): number {
    return this.#view.getInt8(this.#pass(1));
  }

  /** Two bytes, signed. */
  int16(): number {
    return this.#view.getInt16(this.#pass(2));
  }

  /** Four bytes, signed. */
  int32(): number {
    return this.#view.getInt32(this.#pass(4));
  }

  /** So many times four bytes, signed. */
  int32s(count: number): number[] {
    let at = this.#pass(4 * count);
    const view = this.#view;
    const items = new Array<number>(count);
    for (let i = 0; i < count; i++, at += 4) items[i] = view.getInt32(at);
    return items;
  }

  /** Two bytes, unsigned. */
  uint16(): number {
    return this.#view.getUint16(this.#pass(2));
  }

  /** Four bytes, unsigned. */
  uint32(): number {
    return this.#view.getUint32(this.#pass(4));
  }

  /** Eight bytes, IEEE 754. */
  float64(): number {
    return this.#view.getFloat64(this.#pass(8));
  }

  /** Eight bytes, signed; rounded where it lies beyond 2^53. */
  int64(): number {
    const at = this.#pass(8);
    return this.#view.getInt32(at) * TWO_32 + this.#view.getUint32(at + 4);
  }

  /** Eight bytes, signed and exact. */
  bigint64(): bigint {
    return this.#view.getBigInt64(this.#pass(8));
  }

  /** An unsigned 32-bit number in one to five bytes of seven bits, the lowest first. */
  uvarint(): number {
    const at = this.offset;
    const byte = this.bytes[at]!;
    if (byte >= 0x80 || at >= this.#end) return this.#longUvarint();
    this.offset = at + 1;
    return byte;
  }

  #longUvarint(): number {
    const { bytes } = this;
    const end = this.#end;
    let at = this.offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) throw this.#short(at - this.offset + 1);
      const byte = bytes[at++]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.offset = at;
        return value >>> 0;
      }
    }
    throw new KafkaError("PROTOCOL_ERROR", `a varint at ${this.offset} has more than 32 bits`);
  }

  /** A signed 32-bit number, zigzag in one to five bytes. */
  varint(): number {
    const value = this.uvarint();
    return (value >>> 1) ^ -(value & 1);
  }

  /** A signed 64-bit number, zigzag in one to ten bytes; rounded where it lies beyond 2^53. */
  varlong(): number {
    const { bytes } = this;
    const end = this.#end;
    let at = this.offset;
    if (at >= end) throw this.#short(1);
    let byte = bytes[at++]!;
    const negative = (byte & 1) !== 0;
    // The sign is split off at once, so that what is summed up needs no more bits than the value
    let magnitude = (byte & 0x7f) >> 1;
    let scale = 64;
    while (byte >= 0x80) {
      if (at - this.offset >= 10) {
        throw new KafkaError("PROTOCOL_ERROR", `a varint at ${this.offset} has more than 64 bits`);
      }
      if (at >= end) throw this.#short(at - this.offset + 1);
      byte = bytes[at++]!;
      magnitude += (byte & 0x7f) * scale;
      scale *= 128;
    }
    this.offset = at;
    return negative ? -magnitude - 1 : magnitude;
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Uint8Array {
    if (length < 0) throw new KafkaError("PROTOCOL_ERROR", `a length of ${length} at ${this.offset}`);
    const at = this.#pass(length);
    return this.bytes.subarray(at, at + length);
  }

  /** The next `length` bytes as UTF-8. */
  text(length: number): string {
    if (length > ASCII_BYTES_MAX || length < 0) return utf8.decode(this.take(length));
    const { bytes } = this;
    const start = this.#pass(length);
    const end = start + length;
    let text = "";
    let at = start;
    for (; at + 8 <= end; at += 8) {
      const a = bytes[at]!, b = bytes[at + 1]!, c = bytes[at + 2]!, d = bytes[at + 3]!;
      const e = bytes[at + 4]!, f = bytes[at + 5]!, g = bytes[at + 6]!, h = bytes[at + 7]!;
      if ((a | b | c | d | e | f | g | h) >= 0x80) return utf8.decode(bytes.subarray(start, end));
      text += String.fromCharCode(a, b, c, d, e, f, g, h);
    }
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x80) return utf8.decode(bytes.subarray(start, end));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Believes a count of array items only if so many, of at least `smallest` bytes each, can be in what is left. */
  count(items: number, smallest: number): number {
    if (items < 0) throw new KafkaError("PROTOCOL_ERROR", `${items} items are announced at ${this.offset}`);
    if (items * smallest > this.remaining) {
      throw new KafkaError(
        "PROTOCOL_ERROR",
        `${items} items of at least ${smallest} bytes are announced at ${this.offset}, ${this.remaining} bytes are left`,
      );
    }
    this.items += items;
    return items;
  }
}
