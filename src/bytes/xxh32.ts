/** xxHash's 32 bits with seed 0, which guard the frames of lz4 (Yann Collet's specification, `doc/xxhash_spec.md`). */

const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

/** The XXH32 of `bytes` from `start` up to, but without, `end`, as an unsigned number. */
export function xxh32(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = start;
  let hash = P5;
  if (end - start >= 16) {
    let a = P1 + P2 | 0, b = P2, c = 0, d = -P1 | 0;
    for (const last = end - 16; at <= last; at += 16) {
      a = Math.imul(rotated(a + Math.imul(view.getInt32(at, true), P2), 13), P1);
      b = Math.imul(rotated(b + Math.imul(view.getInt32(at + 4, true), P2), 13), P1);
      c = Math.imul(rotated(c + Math.imul(view.getInt32(at + 8, true), P2), 13), P1);
      d = Math.imul(rotated(d + Math.imul(view.getInt32(at + 12, true), P2), 13), P1);
    }
    hash = rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18);
  }
  hash = hash + (end - start) | 0;
  for (; at + 4 <= end; at += 4) hash = Math.imul(rotated(hash + Math.imul(view.getInt32(at, true), P3), 17), P4);
  for (; at < end; at++) hash = Math.imul(rotated(hash + Math.imul(bytes[at]!, P5), 11), P1);
  hash = Math.imul(hash ^ hash >>> 15, P2);
  hash = Math.imul(hash ^ hash >>> 13, P3);
  return (hash ^ hash >>> 16) >>> 0;
}

/** The 32 bits, moved to the left; those that fall off come in on the right. */
function rotated(word: number, by: number): number {
  return word << by | word >>> 32 - by;
}
