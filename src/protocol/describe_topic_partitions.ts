/** DescribeTopicPartitions: the partitions of topics, page by page. */

import type { Api } from "../wire/schema.ts";

/**
 * Says more of partitions than Metadata: who may lead although not in sync (KIP-966). Topics come in alphabetical
 * order, all if none is named; what comes after `responsePartitionLimit` partitions is asked for with the `nextCursor`
 * of the answer.
 */
export const describeTopicPartitions = {
  key: 75,
  name: "DescribeTopicPartitions",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    topics: [{ name: "string" }],
    responsePartitionLimit: { is: "int32", or: 2000 },
    cursor: { is: { topicName: "string", partitionIndex: "int32" }, null: 0, or: null },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0, lax: true },
    topics: [{
      errorCode: "int16",
      name: { is: "string", null: 0 },
      topicId: { is: "uuid", lax: true },
      isInternal: { is: "bool", or: false, lax: true },
      partitions: [{
        errorCode: "int16",
        partitionIndex: "int32",
        leaderId: "int32",
        leaderEpoch: { is: "int32", or: -1, lax: true },
        replicaNodes: ["int32"],
        isrNodes: ["int32"],
        eligibleLeaderReplicas: { is: ["int32"], null: 0, or: null },
        lastKnownElr: { is: ["int32"], null: 0, or: null },
        offlineReplicas: { is: ["int32"], lax: true },
      }],
      topicAuthorizedOperations: { is: "int32", or: -2147483648 },
    }],
    nextCursor: { is: { topicName: "string", partitionIndex: "int32" }, null: 0, or: null },
  },
} as const satisfies Api;
