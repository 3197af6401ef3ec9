/** Where records come from, how they are to be read, and the error that says where they are broken. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { codecFor, type Codecs, type Compression } from "./compression.ts";

/** The partition that records were read from. */
export interface Origin {
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
}

/** How batches are opened. */
export interface ReadOptions {
  /** The codecs at hand. */
  readonly codecs: Codecs;
  /** Whether the checksum is compared. */
  readonly checkCrc: boolean;
  /** Bytes that a batch may have when it is decompressed. */
  readonly decompressedLimit: number;
}

/** The error for records that are broken: it names the partition and the offset, so that the user can seek past them. */
export function corrupt(origin: Origin, offset: number, why: string, cause?: unknown): KafkaError {
  const { topic, partition } = origin;
  return new KafkaError(
    brokerError(errorNumbers.CORRUPT_MESSAGE),
    `the records of ${topic}/${partition} at offset ${offset} are broken: ${why}`,
    { topic, partition, offset, cause },
  );
}

/** What to say of a checksum that is not what it should be. */
export function crcDiffers(computed: number, stored: number): string {
  return `their CRC is ${computed.toString(16)}, and it should be ${stored.toString(16)}`;
}

/**
 * Decompresses the records at an offset and gives them to `then`. Whatever the codec throws, now or later, is told as records
 * that are broken.
 */
export function decompressed<T>(
  compressed: Uint8Array,
  compression: Exclude<Compression, "none">,
  magic: 0 | 1 | 2,
  origin: Origin,
  offset: number,
  options: ReadOptions,
  then: (plain: Uint8Array) => T,
): T | Promise<T> {
  const { codecs, decompressedLimit: limit } = options;
  const codec = codecFor(compression, codecs, magic);
  const failed = (cause: unknown): never => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw corrupt(origin, offset, `${compression} cannot decompress them to at most ${limit} bytes (${why})`, cause);
  };
  const checked = (plain: Uint8Array): T => {
    if (plain.length <= limit) return then(plainArray(plain));
    throw corrupt(origin, offset, `decompressed they are ${plain.length} bytes, and ${limit} are allowed`);
  };
  let plain: Uint8Array | Promise<Uint8Array>;
  try {
    plain = codec.decompress(compressed, limit);
  } catch (cause) {
    return failed(cause);
  }
  return plain instanceof Uint8Array ? checked(plain) : plain.then(checked, failed);
}

/** The same bytes as a plain Uint8Array: views of a Node Buffer would be Buffers too. */
export function plainArray(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
