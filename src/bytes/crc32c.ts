/** CRC-32C, Castagnoli's polynomial, which guards record batches: sixteen bytes a step, in plain JavaScript. */

import { LITTLE_ENDIAN, slicingTables } from "./crc32.ts";

const TABLES = slicingTables(0x82f63b78, 16);
/** Each table is a constant of the module by itself, so that engines drop the bounds checks of a look-up. */
const T0 = TABLES[0]!, T1 = TABLES[1]!, T2 = TABLES[2]!, T3 = TABLES[3]!;
const T4 = TABLES[4]!, T5 = TABLES[5]!, T6 = TABLES[6]!, T7 = TABLES[7]!;
const T8 = TABLES[8]!, T9 = TABLES[9]!, T10 = TABLES[10]!, T11 = TABLES[11]!;
const T12 = TABLES[12]!, T13 = TABLES[13]!, T14 = TABLES[14]!, T15 = TABLES[15]!;

/** Below this many bytes a view of words costs more than it saves. */
const WORDS_WORTH = 64;

/** The CRC-32C of `bytes` from `start` up to, but without, `end`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  let crc = -1;
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
  return ~crc >>> 0;
}
