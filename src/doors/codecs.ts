/** What Deno, Node and Bun bring along: codecs, all synchronous, and faster checksums. */

import * as zlib from "node:zlib";
import { accelerateCrc32c } from "../bytes/crc32c.ts";
import type { Codecs, CompressionCodec } from "../records/compression.ts";
import { gzipMembers } from "../records/gzip_members.ts";
import { lz4 } from "../records/lz4.ts";
import { snappy } from "../records/snappy.ts";
import { unzstd } from "../records/zstd_frames.ts";

/** gzip by the platform's zlib; its levels are Java's `compression.gzip.level`, 6 if not said. */
const gzip: CompressionCodec = {
  levels: [1, 9],
  compress: (bytes, level) => asPlain(zlib.gzipSync(bytes, level === undefined ? {} : { level })),
  decompress(bytes, limit) {
    try {
      return gunzipped(bytes, limit);
    } catch (error) {
      if (isTooLarge(error)) throw error;
      // What is no gzip may lie behind it: Java does not mind, and zlib does.
      const end = gzipMembers(bytes).reduce((sum, { length }) => sum + length, 0);
      if (end === bytes.length) throw error;
      return gunzipped(bytes.subarray(0, end), limit);
    }
  },
};

/** zstd by the platform's zlib; its levels are Java's `compression.zstd.level`, 3 if not said. */
const zstd: CompressionCodec = {
  levels: [-131072, 22],
  compress(bytes, level = 3) {
    const { zstdCompressSync, constants: { ZSTD_c_compressionLevel: name } } = zlib;
    return asPlain(zstdCompressSync(bytes, { params: { [name]: level } }));
  },
  decompress: (bytes, limit) =>
    unzstd(bytes, limit, (frame, left) => asPlain(zlib.zstdDecompressSync(frame, { maxOutputLength: limitOf(left) }))),
};

/** Whether this platform's zlib knows zstd: Node's does from 22.15 on. */
const hasZstd = typeof (zlib as Partial<typeof zlib>).zstdCompressSync === "function";

/** gzip and zstd by the platform's zlib, snappy and lz4 in JavaScript. Before Node 22.15 there is no zstd. */
export const codecs: Codecs = { gzip, snappy, lz4, ...hasZstd && { zstd } };

/** These platforms let a library use WebAssembly; a page may not. */
export function prepare(): void {
  accelerateCrc32c();
}

function gunzipped(bytes: Uint8Array, limit: number): Uint8Array {
  const plain = asPlain(zlib.gunzipSync(bytes, { maxOutputLength: limitOf(limit) }));
  if (plain.length > limit) throw new RangeError(`${plain.length} bytes come out, and ${limit} are allowed`);
  return plain;
}

/** Platforms take limits from 1 to what fits into 32 bits; what came out is compared again. */
function limitOf(limit: number): number {
  return Math.max(1, Math.min(limit, 0xffffffff));
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && (error as Error & { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
}

/** The platform gives its own kind of array; what leaves here is the plain one. */
function asPlain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
