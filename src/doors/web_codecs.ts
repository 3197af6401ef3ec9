/** What a page brings along: gzip by the platform's streams, the only file with web streams in it, and the codecs in JavaScript. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Codecs, CompressionCodec } from "../records/compression.ts";
import { gzipMembers } from "../records/gzip_members.ts";
import { joined } from "../records/joined.ts";
import { lz4 } from "../records/lz4.ts";
import { snappy } from "../records/snappy.ts";

/** gzip by CompressionStream, which knows no levels; all answers are promises. */
const gzip: CompressionCodec = {
  compress: (bytes) => piped(bytes, new CompressionStream("gzip"), Infinity),
  async decompress(bytes, limit) {
    try {
      return await gunzipped(bytes, limit);
    } catch (error) {
      if (error instanceof KafkaError) throw error;
      // The streams refuse a second member, and what is no gzip behind the last one; Java reads the one and does not mind the other.
      const members = gzipMembers(bytes);
      if (members[0]!.length === bytes.length) throw error;
      const pieces: Uint8Array[] = [];
      for (let i = 0, left = limit; i < members.length; left -= pieces[i++]!.length) {
        pieces.push(await gunzipped(members[i]!, left));
      }
      return joined(pieces);
    }
  },
};

/** gzip by the platform's streams, snappy and lz4 in JavaScript. There is no zstd: who needs it passes a codec when connecting. */
export const codecs: Codecs = { gzip, snappy, lz4 };

function gunzipped(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  return piped(bytes, new DecompressionStream("gzip"), limit);
}

/** All that comes out of a stream when the bytes go in; ends it as soon as that is more than `limit`. */
async function piped(
  bytes: Uint8Array,
  { writable, readable }: CompressionStream | DecompressionStream,
  limit: number,
): Promise<Uint8Array> {
  const writer = writable.getWriter();
  const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader();
  // What goes wrong on this side is told on the other, where it is read.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return joined(chunks);
    size += value.length;
    if (size > limit) {
      reader.cancel().catch(() => {});
      const detail = `decompressed it would be ${size} bytes or more, and ${limit} are allowed`;
      throw new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), detail);
    }
    chunks.push(value);
  }
}
