/** CRC-32 as IEEE 802.3 has it, which guards the messages of Kafka's old formats, and the tables that its relatives share. */

/** Whether a word read through an Int32Array has its first byte lowest, as the checksums need it. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;

/**
 * Tables to take `count` bytes a step, for a reflected polynomial: the nth one says what a byte does to the checksum of
 * the n bytes that follow it.
 */
export function slicingTables(polynomial: number, count: number): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first[byte] = crc;
  }
  const tables = [first];
  while (tables.length < count) {
    const previous = tables.at(-1)!;
    tables.push(previous.map((crc) => first[crc & 255]! ^ (crc >>> 8)));
  }
  return tables;
}

/** Below this many bytes a view of words costs more than it saves. */
const WORDS_WORTH = 64;

/** The CRC-32 of `bytes` from `start` up to, but without, `end`, as an unsigned number. */
export function crc32(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  return ~sliced(-1, bytes, start, end) >>> 0;
}

/**
 * Goes on with a register over bytes. The tables are constants of a function of their own, so that engines drop the bounds checks of
 * look-ups: of a module's constants bundlers make variables, of which engines take nothing for granted.
 */
const sliced: (register: number, bytes: Uint8Array, start: number, end: number) => number = (() => {
  const tables = slicingTables(0xedb88320, 8);
  const T0 = tables[0]!, T1 = tables[1]!, T2 = tables[2]!, T3 = tables[3]!;
  const T4 = tables[4]!, T5 = tables[5]!, T6 = tables[6]!, T7 = tables[7]!;
  return (crc, bytes, start, end) => {
    let at = start;
    if (end - at >= WORDS_WORTH && LITTLE_ENDIAN) {
      const aligned = at + (-(bytes.byteOffset + at) & 3);
      for (; at < aligned; at++) crc = T0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
      const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, ((end - at) >> 3) << 1);
      for (let i = 0; i < words.length; i += 2) {
        const a = crc ^ words[i]!;
        const b = words[i + 1]!;
        crc = T7[a & 255]! ^ T6[(a >>> 8) & 255]! ^ T5[(a >>> 16) & 255]! ^ T4[a >>> 24]! ^
          T3[b & 255]! ^ T2[(b >>> 8) & 255]! ^ T1[(b >>> 16) & 255]! ^ T0[b >>> 24]!;
      }
      at += words.byteLength;
    }
    for (; at < end; at++) crc = T0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
    return crc;
  };
})();
