/** The codecs that records can be compressed with: their names and numbers, and what a platform or a user gives for each. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";

/** How the records of a batch are compressed. */
export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** Compresses and decompresses. Both may answer with a promise; what answers at once keeps the whole path synchronous. */
export interface CompressionCodec {
  /** The bytes, compressed; they may not be kept. */
  compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The bytes, decompressed; throws when they are malformed, or as soon as they would become more than `limit` bytes. */
  decompress(bytes: Uint8Array, limit: number): Uint8Array | Promise<Uint8Array>;
}

/** The codecs at hand. */
export type Codecs = { readonly [C in Exclude<Compression, "none">]?: CompressionCodec };

/** The names in the order of their numbers in a batch's attributes. */
const COMPRESSIONS: readonly Compression[] = ["none", "gzip", "snappy", "lz4", "zstd"];

/** The lowest three bits of a batch's, or a message's, attributes. */
const COMPRESSION_MASK = 7;

/** The number that stands for a compression in attributes. */
export function compressionId(compression: Compression): number {
  return COMPRESSIONS.indexOf(compression);
}

/** The compression that attributes name, or `undefined` if Kafka has none of that number. */
export function compressionOf(attributes: number): Compression | undefined {
  return COMPRESSIONS[attributes & COMPRESSION_MASK];
}

/** The codec for a compression; `UNSUPPORTED_COMPRESSION_TYPE` if there is none at hand, or none in that format. */
export function codecFor(
  compression: Exclude<Compression, "none">,
  codecs: Codecs,
  magic: 0 | 1 | 2,
): CompressionCodec {
  if (compression === "zstd" && magic < 2) {
    throw new KafkaError(
      brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE),
      `message format ${magic} cannot hold zstd, which needs Kafka 2.1; choose gzip, snappy or lz4`,
    );
  }
  const codec = codecs[compression];
  if (codec === undefined) {
    throw new KafkaError(
      brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE),
      `no codec for ${compression} is at hand; pass one when connecting, as codecs: { ${compression}: { compress, decompress } }`,
    );
  }
  return codec;
}
