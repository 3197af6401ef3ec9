/** ConsumerGroupHeartbeat: joins, stays in and leaves a consumer group that the broker balances. */

import type { Api } from "../wire/schema.ts";

/**
 * One message for all of it (KIP-848): member epoch 0 joins, -1 leaves, -2 leaves as a static member that comes back.
 * Later only what has changed is sent, null for the rest, and an answer without assignment means the one before; so
 * whoever misses an answer has to say everything again. Version 1 takes a regular expression of RE2, and the client
 * makes its member id itself (KIP-1082).
 */
export const consumerGroupHeartbeat = {
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    groupId: "string",
    memberId: "string",
    memberEpoch: "int32",
    instanceId: { is: "string", null: 0, or: null },
    rackId: { is: "string", null: 0, or: null },
    rebalanceTimeoutMs: { is: "int32", or: -1 },
    subscribedTopicNames: { is: ["string"], null: 0, or: null },
    subscribedTopicRegex: { is: "string", since: 1, null: 1, or: null },
    serverAssignor: { is: "string", null: 0, or: null },
    topicPartitions: { is: [{ topicId: "uuid", partitions: ["int32"] }], null: 0, or: null },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, or: null },
    memberId: { is: "string", null: 0, or: null },
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    assignment: { is: { topicPartitions: [{ topicId: "uuid", partitions: ["int32"] }] }, null: 0, or: null },
  },
} as const satisfies Api;
