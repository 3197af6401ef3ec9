/** StreamsGroupDescribe: the members, tasks and topology of streams groups. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the coordinator of the groups (KIP-1071). Version 1 can add the description of the topology (KIP-1331) and the
 * assignor (KIP-1357).
 */
export const streamsGroupDescribe = {
  key: 89,
  name: "StreamsGroupDescribe",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    groupIds: ["string"],
    includeAuthorizedOperations: "bool",
    includeTopologyDescription: { is: "bool", since: 1 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    groups: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 0, or: null },
      groupId: "string",
      groupState: "string",
      groupEpoch: "int32",
      assignmentEpoch: "int32",
      topology: {
        is: {
          epoch: "int32",
          subtopologies: {
            is: [{
              subtopologyId: "string",
              sourceTopics: ["string"],
              repartitionSinkTopics: ["string"],
              stateChangelogTopics: [{
                name: "string",
                partitions: "int32",
                replicationFactor: "int16",
                topicConfigs: [{ key: "string", value: "string" }],
              }],
              repartitionSourceTopics: [{
                name: "string",
                partitions: "int32",
                replicationFactor: "int16",
                topicConfigs: [{ key: "string", value: "string" }],
              }],
            }],
            null: 0,
            or: null,
          },
        },
        null: 0,
        or: null,
      },
      members: [{
        memberId: "string",
        memberEpoch: "int32",
        instanceId: { is: "string", null: 0, or: null },
        rackId: { is: "string", null: 0, or: null },
        clientId: "string",
        clientHost: "string",
        topologyEpoch: "int32",
        processId: "string",
        userEndpoint: { is: { host: "string", port: "uint16" }, null: 0, or: null },
        clientTags: [{ key: "string", value: "string" }],
        taskOffsets: [{ subtopologyId: "string", partition: "int32", offset: "int64" }],
        taskEndOffsets: [{ subtopologyId: "string", partition: "int32", offset: "int64" }],
        assignment: {
          activeTasks: [{ subtopologyId: "string", partitions: ["int32"] }],
          standbyTasks: [{ subtopologyId: "string", partitions: ["int32"] }],
          warmupTasks: [{ subtopologyId: "string", partitions: ["int32"] }],
        },
        targetAssignment: {
          activeTasks: [{ subtopologyId: "string", partitions: ["int32"] }],
          standbyTasks: [{ subtopologyId: "string", partitions: ["int32"] }],
          warmupTasks: [{ subtopologyId: "string", partitions: ["int32"] }],
        },
        isClassic: "bool",
      }],
      authorizedOperations: { is: "int32", or: -2147483648 },
      topologyDescription: {
        is: {
          subtopologies: [{
            subtopologyId: "string",
            nodes: [{
              name: "string",
              nodeType: "int8",
              sourceTopics: ["string"],
              sinkTopic: { is: "string", null: 1, or: null },
              stores: ["string"],
              successors: ["string"],
            }],
          }],
          globalStores: [{
            source: {
              name: "string",
              nodeType: "int8",
              sourceTopics: ["string"],
              sinkTopic: { is: "string", null: 1, or: null },
              stores: ["string"],
              successors: ["string"],
            },
            processor: {
              name: "string",
              nodeType: "int8",
              sourceTopics: ["string"],
              sinkTopic: { is: "string", null: 1, or: null },
              stores: ["string"],
              successors: ["string"],
            },
          }],
        },
        since: 1,
        null: 1,
        or: null,
      },
      topologyDescriptionStatus: { is: "int8", since: 1 },
      assignorName: { is: "string", since: 1, null: 1, or: null, lax: true },
    }],
  },
} as const satisfies Api;
