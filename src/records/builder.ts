/** Makes the builder for a message format, and tells how large a record may become in it. */

import { BatchBuilder, batchRecordSizeMax } from "./batch_builder.ts";
import { MessageSetBuilder, messageSizeMax } from "./message_set_builder.ts";
import type { BufferSource, RecordInput, RecordsBuilder } from "./record.ts";

export { type BatchNumbers, renumbered } from "./batch_builder.ts";
export type { BufferSource, BuildOptions, Bytes, RecordInput, RecordsBuilder } from "./record.ts";

/**
 * A builder for one partition's records: magic 2 for Produce from version 3 on, 1 for version 2, 0 before. It begins with a buffer
 * of `capacity` bytes (4,096 if not said), and takes it, and larger ones, from `buffers` (fresh memory if not said).
 */
export function recordsBuilder(magic: 0 | 1 | 2, capacity?: number, buffers?: BufferSource): RecordsBuilder {
  return magic === 2 ? new BatchBuilder(capacity, buffers) : new MessageSetBuilder(magic, capacity, buffers);
}

/** Bytes that appending the record adds to the builder's size at most; cheap, and for long text exact but for a few bytes. */
export function recordSizeMax(magic: 0 | 1 | 2, record: RecordInput): number {
  return magic === 2 ? batchRecordSizeMax(record) : messageSizeMax(magic, record);
}
