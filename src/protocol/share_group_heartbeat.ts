/** ShareGroupHeartbeat: joins, stays in and leaves a share group. */

import type { Api } from "../wire/schema.ts";

/**
 * As ConsumerGroupHeartbeat: member epoch 0 joins, -1 leaves, null is as before (KIP-932). Version 0 was a preview of
 * Kafka 4.0 that no release speaks any more.
 */
export const shareGroupHeartbeat = {
  key: 76,
  name: "ShareGroupHeartbeat",
  versions: [1, 1],
  flexible: 0,
  clientThrottlesFrom: 1,
  once: true,
  request: {
    groupId: "string",
    memberId: "string",
    memberEpoch: "int32",
    rackId: { is: "string", null: 1, or: null },
    subscribedTopicNames: { is: ["string"], null: 1, or: null },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 1, or: null },
    memberId: { is: "string", null: 1, or: null },
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    assignment: { is: { topicPartitions: [{ topicId: "uuid", partitions: ["int32"] }] }, null: 1, or: null },
  },
} as const satisfies Api;
