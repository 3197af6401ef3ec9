/** CRC-32C, Castagnoli's polynomial, which guards record batches: by tables; long data faster where a platform allows it. */

import { DATA_AT, LazyFolding, PIECE_BYTES } from "./crc32c_folding.ts";
import { sliced } from "./crc32c_tables.ts";

/** From this many bytes on folding is faster than the tables. */
const FOLDING_WORTH = 2048;

const lazyFolding = new LazyFolding();

/**
 * From now on long data is folded in WebAssembly, several times as fast, where that is to be had; it is compiled when the first such
 * data comes. A platform's door asks for it; nobody else does, since a page's content security policy may forbid it, and would
 * report the attempt. The checksums are the same.
 */
export function accelerateCrc32c(): void {
  lazyFolding.wanted = true;
}

/** The CRC-32C of `bytes` from `start` up to, but without, `end`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  let register = -1;
  let at = start;
  while (end - at >= FOLDING_WORTH) {
    const folding = lazyFolding.get();
    if (folding === null) break;
    const pieceEnd = Math.min(end, at + PIECE_BYTES);
    const left = folding.fold(register, bytes, at, pieceEnd);
    register = sliced(0, folding.memory, left, DATA_AT + pieceEnd - at);
    at = pieceEnd;
  }
  return ~sliced(register, bytes, at, end) >>> 0;
}
