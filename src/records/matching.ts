/** What snappy and lz4 have in common: a greedy search for bytes that were there before, in one pass. */

/** Bytes that a match has at least. */
export const MATCH_MIN = 4;
/** lz4 wants its last bytes to be literals, and no match to begin in the last ones; it does snappy no harm. */
const LITERALS_AT_END = 5;
const NO_MATCH_AT_END = 12;
/** Both formats reach back as far as sixteen bits do. */
const DISTANCE_MAX = 0xffff;
/** After so many bytes without a match every second one is looked at, then every third, and so on. */
const PATIENCE_BITS = 6;
const HASH_PRIME = 0x9e3779b1 | 0;
const TABLE_BITS_MIN = 8, TABLE_BITS_MAX = 13;
/** Literals of up to so many bytes are copied one by one: a call would cost more. */
const SHORT = 32;

/**
 * Writes literals, and the match behind them (of 0 bytes at the end of the block, where there is none), and gives the position
 * after them; -1 if the room up to `toEnd` does not suffice.
 */
export type PutSequence = (
  bytes: Uint8Array,
  literals: number,
  at: number,
  out: Uint8Array,
  to: number,
  toEnd: number,
  distance: number,
  length: number,
) => number;

/** Where four bytes were seen last, by their hash; one serves all blocks of the same bytes, which has so many. */
export function seenTable(size: number): Int32Array {
  let bits = TABLE_BITS_MIN;
  while (bits < TABLE_BITS_MAX && 1 << bits < size) bits++;
  return new Int32Array(1 << bits);
}

/** Goes over the bytes from `start` up to, but without, `end`, and has `put` write what it finds; gives the position after the last, or -1. */
export function putMatches(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
  toEnd: number,
  seen: Int32Array,
  put: PutSequence,
): number {
  const shift = Math.clz32(seen.length) + 1;
  const matchEnd = end - LITERALS_AT_END;
  const last = end - NO_MATCH_AT_END;
  let literals = start;
  for (let at = start, misses = 1 << PATIENCE_BITS; at <= last;) {
    const word = view.getInt32(at, true);
    const slot = Math.imul(word, HASH_PRIME) >>> shift;
    // Zero is nowhere: positions are counted from one.
    let from = seen[slot]! - 1;
    seen[slot] = at + 1;
    if (from < start || at - from > DISTANCE_MAX || view.getInt32(from, true) !== word) {
      at += misses++ >> PATIENCE_BITS;
      continue;
    }
    misses = 1 << PATIENCE_BITS;
    let matched = at + MATCH_MIN;
    let other = from + MATCH_MIN;
    while (at > literals && from > start && bytes[at - 1] === bytes[from - 1]) at--, from--;
    while (matched + 4 <= matchEnd && view.getInt32(matched, true) === view.getInt32(other, true)) {
      matched += 4, other += 4;
    }
    while (matched < matchEnd && bytes[matched] === bytes[other]) matched++, other++;
    to = put(bytes, literals, at, out, to, toEnd, at - from, matched - at);
    if (to < 0) return -1;
    at = literals = matched;
    if (at <= last) seen[Math.imul(view.getInt32(at - 2, true), HASH_PRIME) >>> shift] = at - 1;
  }
  return put(bytes, literals, end, out, to, toEnd, 0, 0);
}

/** Copies literals, and gives the position after them. */
export function putLiterals(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  const count = end - start;
  if (count > SHORT) out.set(bytes.subarray(start, end), to);
  else for (let i = 0; i < count; i++) out[to + i] = bytes[start + i]!;
  return to + count;
}
