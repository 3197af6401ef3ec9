/** One block of snappy, compressed. */

import { putLiterals, putMatches } from "./matching.ts";

/** So many bytes of literals fit into a tag; for more, one or two bytes with their number follow it. */
const LITERALS_IN_TAG = 60;
/** Bytes that one copy gives at most, and what is left for the next one where there are more: no copy is shorter than four. */
const COPY_MAX = 64, COPY_KEPT = 60;
/** A copy of up to so many bytes from less than so far takes two bytes instead of three. */
const NEAR_LENGTH = 11, NEAR_DISTANCE = 2048;

/** The most bytes that a block of so many takes: all literals, with some room for tags that bring nothing. */
export function sizeMax(size: number): number {
  return 32 + size + Math.ceil(size / 6);
}

/**
 * Compresses the bytes from `start` up to, but without, `end`, 64 KB at most, into `out` from `to` on, where there is room for
 * `sizeMax` bytes, and gives the position after the result.
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
  let size = end - start;
  for (; size > 127; size >>>= 7) out[to++] = size & 127 | 128;
  out[to++] = size;
  return putMatches(bytes, view, start, end, out, to, out.length, seen, putElements);
}

function putElements(
  bytes: Uint8Array,
  literals: number,
  at: number,
  out: Uint8Array,
  to: number,
  _toEnd: number,
  distance: number,
  length: number,
): number {
  if (at > literals) {
    const rest = at - literals - 1;
    if (rest < LITERALS_IN_TAG) out[to++] = rest << 2;
    else {
      const width = rest < 256 ? 1 : 2;
      out[to++] = LITERALS_IN_TAG - 1 + width << 2;
      out[to++] = rest;
      if (width === 2) out[to++] = rest >>> 8;
    }
    to = putLiterals(bytes, literals, at, out, to);
  }
  for (; length > COPY_MAX + 3; length -= COPY_MAX) to = putCopy(out, to, distance, COPY_MAX);
  if (length > COPY_MAX) {
    to = putCopy(out, to, distance, COPY_KEPT);
    length -= COPY_KEPT;
  }
  return length > 0 ? putCopy(out, to, distance, length) : to;
}

function putCopy(out: Uint8Array, to: number, distance: number, length: number): number {
  if (length <= NEAR_LENGTH && distance < NEAR_DISTANCE) {
    out[to++] = 1 | length - 4 << 2 | distance >>> 8 << 5;
    out[to++] = distance;
    return to;
  }
  out[to++] = 2 | length - 1 << 2;
  out[to++] = distance;
  out[to++] = distance >>> 8;
  return to;
}
