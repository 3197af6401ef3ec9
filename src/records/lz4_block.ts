/** One block of lz4, both ways: compressed by a greedy search, and decompressed in one pass that believes nothing. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";

/** Bytes that a match has at least. */
const MATCH_MIN = 4;
/** A block's last bytes that are always literals, and the last ones in which no match may begin. */
const LITERALS_AT_END = 5;
const NO_MATCH_AT_END = 12;
/** What four bits of a token hold at most; then bytes follow that are added up. */
const NIBBLE = 15;
/** A byte of a block stands for so many at most. */
export const EXPANSION_MAX = 255;
/** After so many bytes without a match every second one is looked at, then every third, and so on. */
const PATIENCE_BITS = 6;
/** Literals and matches of up to so many bytes are copied by words: a call would cost more. */
const SHORT = 32;
const HASH_PRIME = 0x9e3779b1 | 0;
const TABLE_BITS_MIN = 8, TABLE_BITS_MAX = 13;

/** Where four bytes were seen last, by their hash; one serves all blocks of the same bytes. */
export function seenTable(size: number): Int32Array {
  let bits = TABLE_BITS_MIN;
  while (bits < TABLE_BITS_MAX && 1 << bits < size) bits++;
  return new Int32Array(1 << bits);
}

/**
 * Compresses the bytes from `start` up to, but without, `end` into `out` from `to` on, and gives the position after the result;
 * -1 if that would not be shorter than what went in. `out` has room for as many bytes as go in.
 */
export function compressBlock(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
  seen: Int32Array,
): number {
  const shift = Math.clz32(seen.length) + 1;
  const toEnd = to + end - start;
  const matchEnd = end - LITERALS_AT_END;
  const last = end - NO_MATCH_AT_END;
  let literals = start;
  for (let at = start, misses = 1 << PATIENCE_BITS; at <= last;) {
    const word = view.getInt32(at, true);
    const slot = Math.imul(word, HASH_PRIME) >>> shift;
    // Zero is nowhere: positions are counted from one.
    let from = seen[slot]! - 1;
    seen[slot] = at + 1;
    if (from < start || at - from > 0xffff || view.getInt32(from, true) !== word) {
      at += misses++ >> PATIENCE_BITS;
      continue;
    }
    misses = 1 << PATIENCE_BITS;
    let length = at + MATCH_MIN;
    let other = from + MATCH_MIN;
    while (at > literals && from > start && bytes[at - 1] === bytes[from - 1]) at--, from--;
    while (length + 4 <= matchEnd && view.getInt32(length, true) === view.getInt32(other, true)) {
      length += 4, other += 4;
    }
    while (length < matchEnd && bytes[length] === bytes[other]) length++, other++;
    to = putSequence(bytes, literals, at, out, to, toEnd, at - from, length - at);
    if (to < 0) return -1;
    at = literals = length;
    if (at <= last) seen[Math.imul(view.getInt32(at - 2, true), HASH_PRIME) >>> shift] = at - 1;
  }
  return putSequence(bytes, literals, end, out, to, toEnd, 0, 0);
}

/** Writes literals and a match, or at the end only literals; gives the position after them, -1 if there is no room. */
function putSequence(
  bytes: Uint8Array,
  literals: number,
  at: number,
  out: Uint8Array,
  to: number,
  toEnd: number,
  distance: number,
  matchLength: number,
): number {
  const count = at - literals;
  const rest = matchLength - MATCH_MIN;
  // Token and distance, and each length's own bytes.
  if (to + 5 + count + Math.floor(count / 255) + Math.floor(matchLength / 255) > toEnd) return -1;
  const token = to++;
  if (count >= NIBBLE) to = putLength(out, to, count - NIBBLE);
  if (count > SHORT) out.set(bytes.subarray(literals, at), to);
  else for (let i = 0; i < count; i++) out[to + i] = bytes[literals + i]!;
  to += count;
  out[token] = Math.min(count, NIBBLE) << 4;
  if (distance === 0) return to;
  out[to++] = distance;
  out[to++] = distance >>> 8;
  out[token]! |= Math.min(rest, NIBBLE);
  return rest >= NIBBLE ? putLength(out, to, rest - NIBBLE) : to;
}

function putLength(out: Uint8Array, to: number, length: number): number {
  for (; length >= 255; length -= 255) out[to++] = 255;
  out[to++] = length;
  return to;
}

/**
 * Decompresses the block from `at` up to, but without, `end` into `out` from `to` up to, but without, `toEnd`, and gives the position
 * after the result. Matches reach back to `windowStart` at most. `CORRUPT_MESSAGE` says what is wrong.
 */
export function decompressBlock(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  view: DataView,
  to: number,
  toEnd: number,
  windowStart: number,
): number {
  for (;;) {
    if (at >= end) throw malformed("a block ends where a sequence should begin");
    const token = bytes[at++]!;
    let size = token >>> 4;
    if (size === NIBBLE) {
      let more: number;
      do size += more = bytes[at++] ?? 0; while (more === 255 && at < end);
    }
    if (size > end - at) throw malformed("literals leave their block");
    if (size > toEnd - to) throw tooLong();
    if (size > SHORT) out.set(bytes.subarray(at, at + size), to);
    else for (let i = 0; i < size; i++) out[to + i] = bytes[at + i]!;
    to += size;
    at += size;
    if (at === end) return to;
    const distance = bytes[at]! | bytes[at + 1]! << 8;
    at += 2;
    size = token & NIBBLE;
    if (size === NIBBLE) {
      let more: number;
      do size += more = bytes[at++] ?? 0; while (more === 255 && at < end);
    }
    size += MATCH_MIN;
    if (at >= end) throw malformed("a match leaves its block");
    if (size > toEnd - to) throw tooLong();
    if (distance < 1 || distance > to - windowStart) throw malformed("a match reaches behind the start of its window");
    const from = to - distance;
    // By words it may write up to three bytes more, which come later.
    if (size > SHORT && distance >= size) out.copyWithin(to, from, from + size);
    else if (distance >= 4 && to + size + 3 <= out.length) {
      for (let i = 0; i < size; i += 4) view.setInt32(to + i, view.getInt32(from + i, true), true);
    } else for (let i = 0; i < size; i++) out[to + i] = out[from + i]!;
    to += size;
  }
}

function tooLong(): KafkaError {
  return malformed("a block gives more bytes than it may");
}

/** The error for what is no lz4. */
export function malformed(why: string): KafkaError {
  return new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), `malformed lz4: ${why}`);
}
