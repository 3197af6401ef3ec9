/**
 * An example: reads zstd where the platform has none, as in a page, with the package fzstd, which is JavaScript alone and so
 * needs no leave to run WebAssembly. Give it to `connect` as `codecs: { zstd }`.
 */

import { Decompress } from "fzstd";
import type { CompressionCodec } from "@samsa/kafka";

/** How far back a frame may reach: a decompressor makes room for that before it has read anything. */
const WINDOW_BYTES_MAX = 128 * 1024 * 1024;

/** Reads, and does not write: pages that produce choose gzip, snappy or lz4. */
export const zstd: CompressionCodec = {
  compress() {
    throw new Error("this page reads zstd and does not write it; choose gzip, snappy or lz4");
  },
  decompress(bytes, limit) {
    if (windowOf(bytes) > WINDOW_BYTES_MAX) throw new RangeError("a frame reaches too far back");
    const pieces: Uint8Array[] = [];
    let size = 0;
    const stream = new Decompress((piece) => {
      size += piece.length;
      if (size > limit) {
        throw new RangeError(`decompressed it would be ${size} bytes or more, and ${limit} are allowed`);
      }
      pieces.push(piece.slice());
    });
    stream.push(bytes, true);
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  },
};

/** How far back the first frame reaches (RFC 8878, 3.1.1.1.2); a frame in one segment says its size instead. */
function windowOf(bytes: Uint8Array): number {
  const [descriptor = 0, window = 0] = bytes.subarray(4);
  if ((descriptor & 32) === 0) return 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  const width = [1, 2, 4, 8][descriptor >> 6]!;
  let size = 0;
  for (let i = width; i > 0; i--) size = size * 256 + (bytes[4 + i] ?? 0);
  return size;
}
