/** ShareAcknowledge: acknowledges records that a member of a share group has acquired. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a partition's leader, within the session of ShareFetch and with its acknowledge types (KIP-932); one that ends
 * the session with epoch -1 releases what is left. Version 0 was a preview of Kafka 4.0.
 */
export const shareAcknowledge = {
  key: 79,
  name: "ShareAcknowledge",
  versions: [1, 2],
  flexible: 0,
  clientThrottlesFrom: 1,
  once: true,
  request: {
    groupId: { is: "string", null: 1, or: null },
    memberId: { is: "string", null: 1 },
    shareSessionEpoch: "int32",
    isRenewAck: { is: "bool", since: 2 },
    topics: [{
      topicId: "uuid",
      partitions: [{
        partitionIndex: "int32",
        acknowledgementBatches: [{ firstOffset: "int64", lastOffset: "int64", acknowledgeTypes: ["int8"] }],
      }],
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 1, or: null },
    acquisitionLockTimeoutMs: { is: "int32", since: 2, lax: true },
    responses: [{
      topicId: "uuid",
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
        errorMessage: { is: "string", null: 1, or: null },
        currentLeader: { leaderId: "int32", leaderEpoch: "int32" },
      }],
    }],
    nodeEndpoints: [{ nodeId: "int32", host: "string", port: "int32", rack: { is: "string", null: 1, or: null } }],
  },
} as const satisfies Api;
