/**
 * Kafka's protocol without a client: messages as plain data, requests and responses to frames and back, record batches.
 *
 * @module
 */

export { apis } from "../protocol/apis.ts";
export { addOffsetsToTxn } from "../protocol/add_offsets_to_txn.ts";
export { addPartitionsToTxn } from "../protocol/add_partitions_to_txn.ts";
export { addRaftVoter } from "../protocol/add_raft_voter.ts";
export { alterClientQuotas } from "../protocol/alter_client_quotas.ts";
export { alterConfigs } from "../protocol/alter_configs.ts";
export { alterPartitionReassignments } from "../protocol/alter_partition_reassignments.ts";
export { alterReplicaLogDirs } from "../protocol/alter_replica_log_dirs.ts";
export { alterShareGroupOffsets } from "../protocol/alter_share_group_offsets.ts";
export { alterUserScramCredentials } from "../protocol/alter_user_scram_credentials.ts";
export { apiVersions } from "../protocol/api_versions.ts";
export { consumerGroupDescribe } from "../protocol/consumer_group_describe.ts";
export { consumerGroupHeartbeat } from "../protocol/consumer_group_heartbeat.ts";
export { createAcls } from "../protocol/create_acls.ts";
export { createDelegationToken } from "../protocol/create_delegation_token.ts";
export { createPartitions } from "../protocol/create_partitions.ts";
export { createTopics } from "../protocol/create_topics.ts";
export { deleteAcls } from "../protocol/delete_acls.ts";
export { deleteGroups } from "../protocol/delete_groups.ts";
export { deleteRecords } from "../protocol/delete_records.ts";
export { deleteShareGroupOffsets } from "../protocol/delete_share_group_offsets.ts";
export { deleteTopics } from "../protocol/delete_topics.ts";
export { describeAcls } from "../protocol/describe_acls.ts";
export { describeClientQuotas } from "../protocol/describe_client_quotas.ts";
export { describeCluster } from "../protocol/describe_cluster.ts";
export { describeConfigs } from "../protocol/describe_configs.ts";
export { describeDelegationToken } from "../protocol/describe_delegation_token.ts";
export { describeGroups } from "../protocol/describe_groups.ts";
export { describeLogDirs } from "../protocol/describe_log_dirs.ts";
export { describeProducers } from "../protocol/describe_producers.ts";
export { describeQuorum } from "../protocol/describe_quorum.ts";
export { describeShareGroupOffsets } from "../protocol/describe_share_group_offsets.ts";
export { describeTopicPartitions } from "../protocol/describe_topic_partitions.ts";
export { describeTransactions } from "../protocol/describe_transactions.ts";
export { describeUserScramCredentials } from "../protocol/describe_user_scram_credentials.ts";
export { electLeaders } from "../protocol/elect_leaders.ts";
export { endTxn } from "../protocol/end_txn.ts";
export { expireDelegationToken } from "../protocol/expire_delegation_token.ts";
export { fetch } from "../protocol/fetch.ts";
export { findCoordinator } from "../protocol/find_coordinator.ts";
export { getTelemetrySubscriptions } from "../protocol/get_telemetry_subscriptions.ts";
export { heartbeat } from "../protocol/heartbeat.ts";
export { incrementalAlterConfigs } from "../protocol/incremental_alter_configs.ts";
export { initProducerId } from "../protocol/init_producer_id.ts";
export { joinGroup } from "../protocol/join_group.ts";
export { leaveGroup } from "../protocol/leave_group.ts";
export { listConfigResources } from "../protocol/list_config_resources.ts";
export { listGroups } from "../protocol/list_groups.ts";
export { listOffsets } from "../protocol/list_offsets.ts";
export { listPartitionReassignments } from "../protocol/list_partition_reassignments.ts";
export { listTransactions } from "../protocol/list_transactions.ts";
export { metadata } from "../protocol/metadata.ts";
export { offsetCommit } from "../protocol/offset_commit.ts";
export { offsetDelete } from "../protocol/offset_delete.ts";
export { offsetFetch } from "../protocol/offset_fetch.ts";
export { offsetForLeaderEpoch } from "../protocol/offset_for_leader_epoch.ts";
export { produce } from "../protocol/produce.ts";
export { pushTelemetry } from "../protocol/push_telemetry.ts";
export { removeRaftVoter } from "../protocol/remove_raft_voter.ts";
export { renewDelegationToken } from "../protocol/renew_delegation_token.ts";
export { saslAuthenticate } from "../protocol/sasl_authenticate.ts";
export { saslHandshake } from "../protocol/sasl_handshake.ts";
export { shareAcknowledge } from "../protocol/share_acknowledge.ts";
export { shareFetch } from "../protocol/share_fetch.ts";
export { shareGroupDescribe } from "../protocol/share_group_describe.ts";
export { shareGroupHeartbeat } from "../protocol/share_group_heartbeat.ts";
export { streamsGroupDescribe } from "../protocol/streams_group_describe.ts";
export { streamsGroupHeartbeat } from "../protocol/streams_group_heartbeat.ts";
export { streamsGroupTopologyDescriptionUpdate } from "../protocol/streams_group_topology_description_update.ts";
export { syncGroup } from "../protocol/sync_group.ts";
export { txnOffsetCommit } from "../protocol/txn_offset_commit.ts";
export { unregisterBroker } from "../protocol/unregister_broker.ts";
export { unregisterController } from "../protocol/unregister_controller.ts";
export { updateFeatures } from "../protocol/update_features.ts";
export { writeTxnMarkers } from "../protocol/write_txn_markers.ts";
export * from "../protocol/consumer_protocol.ts";
export * from "../protocol/message.ts";
export { type DecodedRequest, decodeRequest } from "../protocol/decode_request.ts";
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

// What protocol tools need beside whole messages
export {
  type BodyCodec,
  exactRequestBody,
  exactResponseBody,
  requestBody,
  responseBody,
  structBody,
  type StructVersion,
} from "../protocol/body.ts";
export {
  isRequestOf,
  joinRequest,
  joinResponse,
  type SplitRequest,
  splitRequest,
  type SplitResponse,
  splitResponse,
} from "../protocol/envelope.ts";
export { type FoundFrames, framesIn, sourceOf } from "../wire/sources.ts";
export { encodeBatch, type PlacedBatch, type PlacedRecord } from "../records/placed.ts";
export { brokerError } from "../base/error_codes.ts";
