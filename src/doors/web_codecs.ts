/** What a page brings along: gzip by the platform's streams, the only file with web streams in it, and the codecs in JavaScript. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Codecs, CompressionCodec } from "../records/compression.ts";
import { snappy } from "../records/snappy.ts";

/** gzip by CompressionStream, which only knows one level; all answers are promises. */
const gzip: CompressionCodec = {
  compress: (bytes) => piped(bytes, new CompressionStream("gzip"), Infinity),
  decompress: (bytes, limit) => piped(bytes, new DecompressionStream("gzip"), limit),
};

/** gzip by the platform's streams, snappy in JavaScript. There is no zstd: who needs it passes a codec when connecting. */
export const codecs: Codecs = { gzip, snappy };

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
    if (done) break;
    size += value.length;
    if (size > limit) {
      reader.cancel().catch(() => {});
      const detail = `decompressed it would be ${size} bytes or more, and ${limit} are allowed`;
      throw new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), detail);
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
