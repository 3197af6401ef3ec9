/** One block of lz4, both ways: compressed by a greedy search, and decompressed in one pass that believes nothing. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { MATCH_MIN, putLiterals, putMatches } from "./matching.ts";

/** What four bits of a token hold at most; then bytes follow that are added up. */
const NIBBLE = 15;
/** A byte of a block stands for so many at most. */
export const EXPANSION_MAX = 255;
/** Literals of up to so many bytes are copied by words: a call would cost more. */
const SHORT = 32;

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
  return putMatches(bytes, view, start, end, out, to, to + end - start, seen, putSequence);
}

/** A token, the literals and the match; at the end of a block only literals. */
function putSequence(
  bytes: Uint8Array,
  literals: number,
  at: number,
  out: Uint8Array,
  to: number,
  toEnd: number,
  distance: number,
  length: number,
): number {
  const count = at - literals;
  // Token and distance, and each length's own bytes.
  if (to + 5 + count + Math.floor(count / 255) + Math.floor(length / 255) > toEnd) return -1;
  const token = to++;
  if (count >= NIBBLE) to = putLength(out, to, count - NIBBLE);
  to = putLiterals(bytes, literals, at, out, to);
  out[token] = Math.min(count, NIBBLE) << 4;
  if (distance === 0) return to;
  const rest = length - MATCH_MIN;
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
 * after the result; -1 if that has no room. Matches reach back to `windowStart` at most. `CORRUPT_MESSAGE` says what is wrong.
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
    if (size > toEnd - to) return -1;
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
    if (size > toEnd - to) return -1;
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

/** The error for what is no lz4. */
export function malformed(why: string): KafkaError {
  return new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), `malformed lz4: ${why}`);
}
