/** CRC-32C by tables, sixteen bytes a step, in plain JavaScript. */

import { LITTLE_ENDIAN, slicingTables } from "./crc32.ts";

/** Below this many bytes a view of words costs more than it saves. */
const WORDS_WORTH = 64;

/**
 * Goes on with a register over bytes, by tables. They are constants of a function of their own, so that engines drop the bounds checks
 * of look-ups: of a module's constants bundlers make variables, of which engines take nothing for granted.
 */
export const sliced: (register: number, bytes: Uint8Array, start: number, end: number) => number = (() => {
  const tables = slicingTables(0x82f63b78, 16);
  const T0 = tables[0]!, T1 = tables[1]!, T2 = tables[2]!, T3 = tables[3]!;
  const T4 = tables[4]!, T5 = tables[5]!, T6 = tables[6]!, T7 = tables[7]!;
  const T8 = tables[8]!, T9 = tables[9]!, T10 = tables[10]!, T11 = tables[11]!;
  const T12 = tables[12]!, T13 = tables[13]!, T14 = tables[14]!, T15 = tables[15]!;
  return (crc, bytes, start, end) => {
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
        // What the register has a part in comes last, so that the rest need not wait for the step before
        crc = T11[b & 255]! ^ T10[(b >>> 8) & 255]! ^ T9[(b >>> 16) & 255]! ^ T8[b >>> 24]! ^
          T7[c & 255]! ^ T6[(c >>> 8) & 255]! ^ T5[(c >>> 16) & 255]! ^ T4[c >>> 24]! ^
          T3[d & 255]! ^ T2[(d >>> 8) & 255]! ^ T1[(d >>> 16) & 255]! ^ T0[d >>> 24]! ^
          T15[a & 255]! ^ T14[(a >>> 8) & 255]! ^ T13[(a >>> 16) & 255]! ^ T12[a >>> 24]!;
      }
      at += words.byteLength;
    }
    for (; at < end; at++) crc = T0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
    return crc;
  };
})();
