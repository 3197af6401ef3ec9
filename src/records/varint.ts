/** Zigzag varints in place: what records are made of. Every function says or takes a position; nothing is allocated. */

/** Bytes that a length, a count or another number from 0 to 2^31 - 1 takes. */
export function lengthSize(value: number): number {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x100000 ? 3 : value < 0x8000000 ? 4 : 5;
}

/** Writes an int32 and gives the position after it. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = (value << 1) ^ (value >> 31);
  while (rest & ~127) {
    bytes[at++] = rest | 128;
    rest >>>= 7;
  }
  bytes[at] = rest;
  return at + 1;
}

/**
 * Writes a safe integer as a 64-bit varint and gives the position after it. The zigzag form has a bit more than a number
 * keeps exactly, so the lowest bit, the sign, is put beside the rest and never added to it.
 */
export function putVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return putVarint(bytes, at, value);
  const magnitude = value < 0 ? -1 - value : value;
  let rest = Math.floor(magnitude / 64);
  bytes[at++] = (magnitude % 64) * 2 + (value < 0 ? 1 : 0) | 128;
  while (rest > 127) {
    bytes[at++] = rest % 128 | 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at] = rest;
  return at + 1;
}

/** The int32 at a position; what lies past the end of the bytes counts as 0, and bits past the 32nd are dropped. */
export function varintAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at]!;
  if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
  let value = byte & 127;
  for (let shift = 7; byte > 127 && shift < 35; shift += 7) {
    byte = bytes[++at]!;
    value |= (byte & 127) << shift;
  }
  return (value >>> 1) ^ -(value & 1);
}

/** The unit of the eleventh byte, which no 64-bit varint has. */
const UNIT_END = 64 * 0x8000000000000000;

/** The 64-bit integer at a position, rounded where it is beyond 2^53. */
export function varlongAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at]!;
  if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
  const sign = byte & 1;
  let magnitude = (byte & 127) >>> 1;
  for (let unit = 64; byte > 127 && unit < UNIT_END; unit *= 128) {
    byte = bytes[++at]!;
    magnitude += (byte & 127) * unit;
  }
  return sign ? -1 - magnitude : magnitude;
}

/** The position after the varint at `at`, whichever its width. */
export function varintEnd(bytes: Uint8Array, at: number): number {
  while (bytes[at++]! > 127);
  return at;
}
