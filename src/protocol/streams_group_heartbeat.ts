/** StreamsGroupHeartbeat: joins, stays in and leaves a streams group that the broker balances. */

import type { Api } from "../wire/schema.ts";

/**
 * As ConsumerGroupHeartbeat, with tasks of a topology in place of partitions (KIP-1071): member epoch 0 joins and
 * brings the topology, -1 leaves, -2 leaves as a static member, null is as before. Status codes: 0 topology is old, 1
 * source topics are missing, 2 partitions do not fit, 3 internal topics are missing, 4 the application is to end, 5
 * assignment comes later, 6 client tags are missing (version 1). Version 1 asks for a description of the topology
 * (KIP-1331) and counts the recovery lag in 64 bits.
 */
export const streamsGroupHeartbeat = {
  key: 88,
  name: "StreamsGroupHeartbeat",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    groupId: "string",
    memberId: "string",
    memberEpoch: "int32",
    endpointInformationEpoch: "int32",
    instanceId: { is: "string", null: 0, or: null },
    rackId: { is: "string", null: 0, or: null },
    rebalanceTimeoutMs: { is: "int32", or: -1 },
    topology: {
      is: {
        epoch: "int32",
        subtopologies: [{
          subtopologyId: "string",
          sourceTopics: ["string"],
          sourceTopicRegex: ["string"],
          stateChangelogTopics: [{
            name: "string",
            partitions: "int32",
            replicationFactor: "int16",
            topicConfigs: [{ key: "string", value: "string" }],
          }],
          repartitionSinkTopics: ["string"],
          repartitionSourceTopics: [{
            name: "string",
            partitions: "int32",
            replicationFactor: "int16",
            topicConfigs: [{ key: "string", value: "string" }],
          }],
          copartitionGroups: [{
            sourceTopics: ["int16"],
            sourceTopicRegex: ["int16"],
            repartitionSourceTopics: ["int16"],
          }],
        }],
      },
      null: 0,
      or: null,
    },
    activeTasks: { is: [{ subtopologyId: "string", partitions: ["int32"] }], null: 0, or: null },
    standbyTasks: { is: [{ subtopologyId: "string", partitions: ["int32"] }], null: 0, or: null },
    warmupTasks: { is: [{ subtopologyId: "string", partitions: ["int32"] }], null: 0, or: null },
    processId: { is: "string", null: 0, or: null },
    userEndpoint: { is: { host: "string", port: "uint16" }, null: 0, or: null },
    clientTags: { is: [{ key: "string", value: "string" }], null: 0, or: null },
    taskOffsets: { is: [{ subtopologyId: "string", partition: "int32", offset: "int64" }], null: 0, or: null },
    taskEndOffsets: { is: [{ subtopologyId: "string", partition: "int32", offset: "int64" }], null: 0, or: null },
    shutdownApplication: { is: "bool", or: false },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, or: null },
    memberId: "string",
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    acceptableRecoveryLagLegacy: { is: "int32", until: 0 },
    taskOffsetIntervalMs: "int32",
    acceptableRecoveryLag: { is: "int64", since: 1, or: -1, lax: true },
    status: { is: [{ statusCode: "int8", statusDetail: "string" }], null: 0 },
    activeTasks: { is: [{ subtopologyId: "string", partitions: ["int32"] }], null: 0, or: null },
    standbyTasks: { is: [{ subtopologyId: "string", partitions: ["int32"] }], null: 0, or: null },
    warmupTasks: { is: [{ subtopologyId: "string", partitions: ["int32"] }], null: 0, or: null },
    topologyDescriptionRequired: { is: "bool", since: 1 },
    endpointInformationEpoch: "int32",
    partitionsByUserEndpoint: {
      is: [{
        userEndpoint: { host: "string", port: "uint16" },
        activePartitions: [{ topic: "string", partitions: ["int32"] }],
        standbyPartitions: [{ topic: "string", partitions: ["int32"] }],
      }],
      null: 0,
      or: null,
    },
  },
} as const satisfies Api;
