/**
 * Kafka's protocol without a client: messages as plain data, requests and responses to frames and back, record batches.
 *
 * @module
 */

export { apis } from "../protocol/apis.ts";
export { apiVersions } from "../protocol/api_versions.ts";
export { createTopics } from "../protocol/create_topics.ts";
export { deleteTopics } from "../protocol/delete_topics.ts";
export { fetch } from "../protocol/fetch.ts";
export { findCoordinator } from "../protocol/find_coordinator.ts";
export { initProducerId } from "../protocol/init_producer_id.ts";
export { listGroups } from "../protocol/list_groups.ts";
export { listOffsets } from "../protocol/list_offsets.ts";
export { metadata } from "../protocol/metadata.ts";
export { offsetCommit } from "../protocol/offset_commit.ts";
export { offsetFetch } from "../protocol/offset_fetch.ts";
export { produce } from "../protocol/produce.ts";
export { saslAuthenticate } from "../protocol/sasl_authenticate.ts";
export { saslHandshake } from "../protocol/sasl_handshake.ts";
export * from "../protocol/message.ts";
export * from "../wire/schema.ts";
export { Frames, type Source } from "../wire/frames.ts";
export { type Origin, type ReadOptions, RecordBatch, recordBatches, RecordList } from "../records/reading.ts";
export {
  type BufferSource,
  type BuildOptions,
  type Bytes,
  type RecordInput,
  type RecordsBuilder,
  recordsBuilder,
} from "../records/builder.ts";
export { type Header, Message, type MessageSource } from "../records/message.ts";
export type { Codecs, Compression, CompressionCodec } from "../records/compression.ts";
export { type BrokerError, brokerErrors } from "../base/error_codes.ts";
export { type ErrorContext, KafkaError, type OwnCode } from "../base/errors.ts";
