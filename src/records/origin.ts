/** Where records come from, how they are to be read, and the error that says where they are broken. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Codecs } from "./compression.ts";

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
