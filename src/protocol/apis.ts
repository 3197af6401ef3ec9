/** The table of the requests that are known here, by their keys. */

import type { Api } from "../wire/schema.ts";
import { addOffsetsToTxn } from "./add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "./add_partitions_to_txn.ts";
import { addRaftVoter } from "./add_raft_voter.ts";
import { alterClientQuotas } from "./alter_client_quotas.ts";
import { alterConfigs } from "./alter_configs.ts";
import { alterPartitionReassignments } from "./alter_partition_reassignments.ts";
import { alterReplicaLogDirs } from "./alter_replica_log_dirs.ts";
import { alterShareGroupOffsets } from "./alter_share_group_offsets.ts";
import { alterUserScramCredentials } from "./alter_user_scram_credentials.ts";
import { apiVersions } from "./api_versions.ts";
import { consumerGroupDescribe } from "./consumer_group_describe.ts";
import { consumerGroupHeartbeat } from "./consumer_group_heartbeat.ts";
import { createAcls } from "./create_acls.ts";
import { createDelegationToken } from "./create_delegation_token.ts";
import { createPartitions } from "./create_partitions.ts";
import { createTopics } from "./create_topics.ts";
import { deleteAcls } from "./delete_acls.ts";
import { deleteGroups } from "./delete_groups.ts";
import { deleteRecords } from "./delete_records.ts";
import { deleteShareGroupOffsets } from "./delete_share_group_offsets.ts";
import { deleteTopics } from "./delete_topics.ts";
import { describeAcls } from "./describe_acls.ts";
import { describeClientQuotas } from "./describe_client_quotas.ts";
import { describeCluster } from "./describe_cluster.ts";
import { describeConfigs } from "./describe_configs.ts";
import { describeDelegationToken } from "./describe_delegation_token.ts";
import { describeGroups } from "./describe_groups.ts";
import { describeLogDirs } from "./describe_log_dirs.ts";
import { describeProducers } from "./describe_producers.ts";
import { describeQuorum } from "./describe_quorum.ts";
import { describeShareGroupOffsets } from "./describe_share_group_offsets.ts";
import { describeTopicPartitions } from "./describe_topic_partitions.ts";
import { describeTransactions } from "./describe_transactions.ts";
import { describeUserScramCredentials } from "./describe_user_scram_credentials.ts";
import { electLeaders } from "./elect_leaders.ts";
import { endTxn } from "./end_txn.ts";
import { expireDelegationToken } from "./expire_delegation_token.ts";
import { fetch } from "./fetch.ts";
import { findCoordinator } from "./find_coordinator.ts";
import { getTelemetrySubscriptions } from "./get_telemetry_subscriptions.ts";
import { heartbeat } from "./heartbeat.ts";
import { incrementalAlterConfigs } from "./incremental_alter_configs.ts";
import { initProducerId } from "./init_producer_id.ts";
import { joinGroup } from "./join_group.ts";
import { leaveGroup } from "./leave_group.ts";
import { listConfigResources } from "./list_config_resources.ts";
import { listGroups } from "./list_groups.ts";
import { listOffsets } from "./list_offsets.ts";
import { listPartitionReassignments } from "./list_partition_reassignments.ts";
import { listTransactions } from "./list_transactions.ts";
import { metadata } from "./metadata.ts";
import { offsetCommit } from "./offset_commit.ts";
import { offsetDelete } from "./offset_delete.ts";
import { offsetFetch } from "./offset_fetch.ts";
import { offsetForLeaderEpoch } from "./offset_for_leader_epoch.ts";
import { produce } from "./produce.ts";
import { pushTelemetry } from "./push_telemetry.ts";
import { removeRaftVoter } from "./remove_raft_voter.ts";
import { renewDelegationToken } from "./renew_delegation_token.ts";
import { saslAuthenticate } from "./sasl_authenticate.ts";
import { saslHandshake } from "./sasl_handshake.ts";
import { shareAcknowledge } from "./share_acknowledge.ts";
import { shareFetch } from "./share_fetch.ts";
import { shareGroupDescribe } from "./share_group_describe.ts";
import { shareGroupHeartbeat } from "./share_group_heartbeat.ts";
import { streamsGroupDescribe } from "./streams_group_describe.ts";
import { streamsGroupHeartbeat } from "./streams_group_heartbeat.ts";
import { streamsGroupTopologyDescriptionUpdate } from "./streams_group_topology_description_update.ts";
import { syncGroup } from "./sync_group.ts";
import { txnOffsetCommit } from "./txn_offset_commit.ts";
import { unregisterBroker } from "./unregister_broker.ts";
import { unregisterController } from "./unregister_controller.ts";
import { updateFeatures } from "./update_features.ts";
import { writeTxnMarkers } from "./write_txn_markers.ts";

const all: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  alterReplicaLogDirs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  createDelegationToken,
  renewDelegationToken,
  expireDelegationToken,
  describeDelegationToken,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  alterUserScramCredentials,
  describeQuorum,
  updateFeatures,
  describeCluster,
  describeProducers,
  unregisterBroker,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  getTelemetrySubscriptions,
  pushTelemetry,
  listConfigResources,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  addRaftVoter,
  removeRaftVoter,
  streamsGroupHeartbeat,
  streamsGroupDescribe,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  streamsGroupTopologyDescriptionUpdate,
  unregisterController,
];

/** Every API that is known here, by its key. */
export const apis: ReadonlyMap<number, Api> = new Map(all.map((api) => [api.key, api]));
