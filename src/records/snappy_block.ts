/** One block of snappy, decompressed in one pass that believes nothing: each element lies inside, and refers to what is there already. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";

/** Three bytes of a block give 64 at most. */
const EXPANSION_MAX = 22;
/** A literal of up to so many bytes is copied by a loop: a call would cost more. */
const SHORT = 16;
/** Copies from this far behind go by words: a word that is read has been written. */
const WORD = 4;

/** How long a block says that it is when decompressed, and where its elements begin; what they cannot give is refused. */
export function headOf(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly length: number; readonly at: number } {
  let length = 0;
  let unit = 1;
  for (let at = start; at < start + 5 && at < end; at++) {
    const byte = bytes[at]!;
    length += (byte & 127) * unit;
    if (byte < 128) {
      if (length > (end - at - 1) * EXPANSION_MAX) throw contradiction(length);
      return { length, at: at + 1 };
    }
    unit *= 128;
  }
  throw malformed("a block does not start with its length");
}

/**
 * Decompresses the elements from `at` up to, but without, `end` into `view`'s and `out`'s common bytes, from `to` up to, but without,
 * `toEnd`, which they have to fill. `CORRUPT_MESSAGE` says what is wrong with them.
 */
export function decompressBlock(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  view: DataView,
  to: number,
  toEnd: number,
): void {
  const start = to;
  while (at < end) {
    const tag = bytes[at++]!;
    const kind = tag & 3;
    let size = (tag >>> 2) + 1;
    if (kind === 0) {
      if (size > 60) {
        const width = size - 60;
        size = littleEndian(bytes, at, width) + 1;
        at += width;
      }
      if (size > end - at) throw malformed("an element leaves its block");
      if (size > toEnd - to) throw contradiction(toEnd - start);
      if (size > SHORT) out.set(bytes.subarray(at, at + size), to);
      else for (let i = 0; i < size; i++) out[to + i] = bytes[at + i]!;
      at += size;
    } else {
      let distance: number;
      if (kind === 1) {
        size = (tag >>> 2 & 7) + 4;
        distance = tag >>> 5 << 8 | bytes[at++]!;
      } else if (kind === 2) {
        distance = bytes[at]! | bytes[at + 1]! << 8;
        at += 2;
      } else {
        distance = littleEndian(bytes, at, 4);
        at += 4;
      }
      if (at > end) throw malformed("an element leaves its block");
      if (size > toEnd - to) throw contradiction(toEnd - start);
      if (distance < 1 || distance > to - start) throw malformed("a copy reaches behind the start of its block");
      copyWithin(out, view, to, distance, size);
    }
    to += size;
  }
  if (to !== toEnd) throw contradiction(toEnd - start);
}

/** Copies what lies `distance` before to `to`; what is copied may be copied again. By words it may write up to three bytes more, which come later. */
function copyWithin(out: Uint8Array, view: DataView, to: number, distance: number, size: number): void {
  const from = to - distance;
  if (distance >= WORD && to + size + WORD <= out.length) {
    for (let i = 0; i < size; i += WORD) view.setUint32(to + i, view.getUint32(from + i, true), true);
  } else for (let i = 0; i < size; i++) out[to + i] = out[from + i]!;
}

/** Up to four bytes as an unsigned number, the first the lowest; what is past the end counts as 0. */
function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function contradiction(length: number): KafkaError {
  return malformed(`a block says that it holds ${length} bytes, and its elements do not give that`);
}

/** The error for what is no snappy. */
export function malformed(why: string): KafkaError {
  return new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), `malformed snappy: ${why}`);
}
