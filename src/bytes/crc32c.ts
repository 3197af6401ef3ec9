/** CRC-32C, Castagnoli's polynomial, which guards record batches: sixteen bytes a step, in plain JavaScript; faster where a platform allows it. */

import { LITTLE_ENDIAN, slicingTables } from "./crc32.ts";
import { type Folding, LEFT_BYTES, newFolding, PIECE_BYTES, ROUND_BYTES } from "./crc32c_folding.ts";

const TABLES = slicingTables(0x82f63b78, 16);
/** Each table is a constant of the module by itself, so that engines drop the bounds checks of a look-up. */
const T0 = TABLES[0]!, T1 = TABLES[1]!, T2 = TABLES[2]!, T3 = TABLES[3]!;
const T4 = TABLES[4]!, T5 = TABLES[5]!, T6 = TABLES[6]!, T7 = TABLES[7]!;
const T8 = TABLES[8]!, T9 = TABLES[9]!, T10 = TABLES[10]!, T11 = TABLES[11]!;
const T12 = TABLES[12]!, T13 = TABLES[13]!, T14 = TABLES[14]!, T15 = TABLES[15]!;

/** Below this many bytes a view of words costs more than it saves. */
const WORDS_WORTH = 64;

/** From this many bytes on folding is faster than the tables. */
const FOLDING_WORTH = 8 * 1024;

let folding: Folding | undefined;

/**
 * From now on long data is folded in WebAssembly, several times as fast. A platform's door asks for it; nobody else does, since a
 * page's content security policy may forbid it, and would report the attempt. The checksums are the same. False: it is not to be had.
 */
export function accelerateCrc32c(): boolean {
  folding ??= newFolding();
  return folding !== undefined;
}

/** The CRC-32C of `bytes` from `start` up to, but without, `end`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  let register = -1;
  let at = start;
  while (folding && end - at >= FOLDING_WORTH) {
    const rounds = Math.floor((Math.min(end - at, PIECE_BYTES) - LEFT_BYTES) / ROUND_BYTES);
    const pieceEnd = at + LEFT_BYTES + rounds * ROUND_BYTES;
    const left = folding.fold(register, bytes, at, pieceEnd);
    register = sliced(0, left, 0, left.length);
    at = pieceEnd;
  }
  return ~sliced(register, bytes, at, end) >>> 0;
}

/** Goes on with a register over bytes, by tables. */
function sliced(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (end - at >= WORDS_WORTH && LITTLE_ENDIAN) {
    const aligned = at + (-(bytes.byteOffset + at) & 3);
    for (; at < aligned; at++) crc = T0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, ((end - at) >> 4) << 2);
    for (let i = 0; i < words.length; i += 4) {
      const a = crc ^ words[i]!;
      const b = words[i + 1]!;
      const c = words[i + 2]!;
      const d = words[i + 3]!;
      crc = T15[a & 255]! ^ T14[(a >>> 8) & 255]! ^ T13[(a >>> 16) & 255]! ^ T12[a >>> 24]! ^
        T11[b & 255]! ^ T10[(b >>> 8) & 255]! ^ T9[(b >>> 16) & 255]! ^ T8[b >>> 24]! ^
        T7[c & 255]! ^ T6[(c >>> 8) & 255]! ^ T5[(c >>> 16) & 255]! ^ T4[c >>> 24]! ^
        T3[d & 255]! ^ T2[(d >>> 8) & 255]! ^ T1[(d >>> 16) & 255]! ^ T0[d >>> 24]!;
    }
    at += words.byteLength;
  }
  for (; at < end; at++) crc = T0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return crc;
}
