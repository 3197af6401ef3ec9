/** What Deno, Node and Bun bring along: codecs, all synchronous, and faster checksums. */

import { gunzipSync, gzipSync } from "node:zlib";
import { accelerateCrc32c } from "../bytes/crc32c.ts";
import type { Codecs } from "../records/compression.ts";
import { snappy } from "../records/snappy.ts";

/** gzip by the platform's zlib, snappy in JavaScript. */
export const codecs: Codecs = {
  gzip: {
    compress: (bytes) => asPlain(gzipSync(bytes)),
    decompress: (bytes, limit) => asPlain(gunzipSync(bytes, { maxOutputLength: limit })),
  },
  snappy,
};

/** These platforms let a library use WebAssembly; a page may not. */
export function prepare(): void {
  accelerateCrc32c();
}

/** The platform gives its own kind of array; what leaves here is the plain one. */
function asPlain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
