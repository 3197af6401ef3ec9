/** What goes into a batch and what a builder of one is, whatever the format. */

import type { Codecs, Compression } from "./compression.ts";

/** Bytes, or text that is sent as UTF-8. */
export type Bytes = string | Uint8Array;

/** A record to be written. */
export interface RecordInput {
  /** Decides the partition, usually, and what compaction keeps; `null` for none. */
  readonly key: Bytes | null;
  /** `null` is a tombstone: compaction deletes the key. */
  readonly value: Bytes | null;
  /** In order; a name may come again. Needs format 2 (Kafka 0.11). */
  readonly headers: readonly (readonly [name: string, value: Bytes | null])[];
  /** Milliseconds since 1970, or -1 for none. Format 0 (before Kafka 0.10) has no place for it. */
  readonly timestamp: number;
}

/** How a batch is finished. */
export interface BuildOptions {
  /** How the records are compressed; the codec is taken from `codecs`. */
  readonly compression: Compression;
  /** The codecs at hand. */
  readonly codecs: Codecs;
  /** How much the codec tries, if it knows levels; its own default if not said. */
  readonly compressionLevel?: number | undefined;
  /** Whose batch it is, for an idempotent producer; -1 for none. Format 2 only, like the rest. */
  readonly producerId?: number;
  /** Which incarnation of that producer; -1 for none. */
  readonly producerEpoch?: number;
  /** The first record's number in the producer's sequence for the partition; -1 for none. */
  readonly baseSequence?: number;
  /** Whether the batch belongs to a transaction. */
  readonly transactional?: boolean;
}

/** Where builders get their buffers from, and give them back to. */
export interface BufferSource {
  /** A buffer of so many bytes, or more; what is in it does not matter. */
  take(atLeast: number): Uint8Array;
  /** Nobody uses the buffer any more. */
  give(bytes: Uint8Array): void;
}

/** Takes records one by one, in one format, and makes the bytes that a produce request carries. */
export interface RecordsBuilder {
  /** The message format: 2 from Kafka 0.11 on, 1 in 0.10, 0 before. */
  readonly magic: 0 | 1 | 2;
  /** Records so far. */
  readonly count: number;
  /** Bytes that the result has so far when it is not compressed, its head included. */
  readonly size: number;
  /** The latest timestamp so far; -1 if there is none. */
  readonly maxTimestamp: number;
  /** Encodes the record at once and keeps nothing of it. A record that is refused leaves no trace. */
  append(record: RecordInput): void;
  /**
   * Finishes the batch; a promise only if the codec gives one. What is not compressed is a view of the builder's own buffer,
   * so append nothing any more. It may be called again, to number a batch anew that nobody is writing.
   */
  build(options: BuildOptions): Uint8Array | Promise<Uint8Array>;
  /** Gives its buffer back: neither the builder nor what it built, unless compressed, may be used any more. */
  release(): void;
}
