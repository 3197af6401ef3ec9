/** ShareFetch: acquires records for a member of a share group, and acknowledges earlier ones. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a partition's leader (KIP-932). Session epoch 0 begins a session, -1 ends it. Of `records` only what
 * `acquiredRecords` says is the member's, for a while. Acknowledge types: 0 no such record, 1 accept, 2 release, 3
 * reject; one for each offset of the range or one for all. From version 1 on `maxRecords` limits how many are acquired
 * (0 was a preview of Kafka 4.0); version 2 can make that limit strict by `shareAcquireMode` 1 (KIP-1206) and knows
 * type 4, renew (KIP-1222).
 */
export const shareFetch = {
  key: 78,
  name: "ShareFetch",
  versions: [1, 2],
  flexible: 0,
  clientThrottlesFrom: 1,
  once: true,
  request: {
    groupId: { is: "string", null: 1, or: null },
    memberId: { is: "string", null: 1 },
    shareSessionEpoch: "int32",
    maxWaitMs: "int32",
    minBytes: "int32",
    maxBytes: { is: "int32", or: 0x7fffffff },
    maxRecords: "int32",
    batchSize: "int32",
    shareAcquireMode: { is: "int8", since: 2, lax: true },
    isRenewAck: { is: "bool", since: 2 },
    topics: [{
      topicId: "uuid",
      partitions: [{
        partitionIndex: "int32",
        acknowledgementBatches: [{ firstOffset: "int64", lastOffset: "int64", acknowledgeTypes: ["int8"] }],
      }],
    }],
    forgottenTopicsData: [{ topicId: "uuid", partitions: ["int32"] }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 1, or: null },
    acquisitionLockTimeoutMs: "int32",
    responses: [{
      topicId: "uuid",
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
        errorMessage: { is: "string", null: 1, or: null },
        acknowledgeErrorCode: "int16",
        acknowledgeErrorMessage: { is: "string", null: 1, or: null },
        currentLeader: { leaderId: "int32", leaderEpoch: "int32" },
        records: "records",
        acquiredRecords: [{ firstOffset: "int64", lastOffset: "int64", deliveryCount: "int16" }],
      }],
    }],
    nodeEndpoints: [{ nodeId: "int32", host: "string", port: "int32", rack: { is: "string", null: 1, or: null } }],
  },
} as const satisfies Api;
