/** The codecs that records can be compressed with: their names and numbers, and what a platform or a user gives for each. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";

/** How the records of a batch are compressed. */
export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/**
 * Compresses and decompresses. Both may answer with a promise; what answers at once keeps the whole path synchronous. What a
 * codec throws when it compresses fails the batch with `UNSUPPORTED_COMPRESSION_TYPE`, and when it decompresses it is told as
 * `CORRUPT_MESSAGE` with the place. An answer that is no Uint8Array, or does not come within `requestTimeoutMs`, is told as
 * `UNSUPPORTED_COMPRESSION_TYPE`.
 */
export interface CompressionCodec {
  /** The lowest and the highest level that `compress` takes; left out if it knows none. */
  readonly levels?: readonly [lowest: number, highest: number];
  /** The bytes, compressed; with a level only if the codec has `levels`. The bytes may be read until it has answered, not later. */
  compress(bytes: Uint8Array, level?: number): Uint8Array | Promise<Uint8Array>;
  /** The bytes, decompressed; throws when they are malformed, or as soon as they would become more than `limit` bytes. */
  decompress(bytes: Uint8Array, limit: number): Uint8Array | Promise<Uint8Array>;
}

/** The codecs at hand. */
export type Codecs = { readonly [C in Exclude<Compression, "none">]?: CompressionCodec };

/** The names in the order of their numbers in a batch's attributes. */
const COMPRESSIONS: readonly Compression[] = ["none", "gzip", "snappy", "lz4", "zstd"];

/** The lowest three bits of a batch's, or a message's, attributes. */
const COMPRESSION_MASK = 7;

/** Where a codec comes from by itself, for those who have it not. */
const WHERE: { readonly [C in Compression]?: string } = { zstd: ", as on Node before 22.15 and in pages" };

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
      `no codec for ${compression} is at hand${WHERE[compression] ?? ""}; ` +
        `pass one when connecting, as codecs: { ${compression}: { compress, decompress } }`,
    );
  }
  return codec;
}

/** Refuses a level that the codec for a compression does not know, with `INVALID_OPTION`. */
export function checkLevel(compression: Compression, codecs: Codecs, level: number | undefined): void {
  if (level === undefined) return;
  const levels = compression === "none" ? undefined : codecs[compression]?.levels;
  const [lowest, highest] = levels ?? [0, -1];
  if (level >= lowest && level <= highest) return;
  const allowed = levels
    ? `the codec for ${compression} knows the levels ${lowest} to ${highest}`
    : compression === "none"
    ? "without compression there are no levels"
    : `the codec for ${compression} knows no levels`;
  throw new KafkaError("INVALID_OPTION", `compressionLevel is ${level}; ${allowed}`);
}
