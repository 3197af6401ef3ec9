/** The codecs that tests compress with on Deno, Node and Bun: gzip by the platform, snappy by ours. */

import { gunzipSync, gzipSync } from "node:zlib";
import type { Codecs, CompressionCodec } from "../src/records/compression.ts";
import { snappy } from "../src/records/snappy.ts";

/** gzip as the doors of these platforms give it. */
export const gzip: CompressionCodec = {
  compress: (bytes) => gzipSync(bytes),
  decompress: (bytes, limit) => gunzipSync(bytes, { maxOutputLength: Math.max(1, limit) }),
};

/** What is there today. */
export const codecs: Codecs = { gzip, snappy };
