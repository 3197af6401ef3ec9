/** The codecs that Deno, Node and Bun bring along, all synchronous. */

import { gunzipSync, gzipSync } from "node:zlib";
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

/** The platform gives its own kind of array; what leaves here is the plain one. */
function asPlain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
