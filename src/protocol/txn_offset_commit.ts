/** TxnOffsetCommit: commits offsets of a group as a part of a transaction. */

import type { Api } from "../wire/schema.ts";

/**
 * Goes to the group's coordinator; the offsets count when the transaction is committed. Version 2 stores the leader
 * epoch (KIP-320), 3 names the member, so that one that was replaced is fenced (KIP-447; Kafka 3.9 calls its number
 * GenerationId still). Version 4 is the highest without transactions of version 2, from 5 on it does what
 * AddOffsetsToTxn did (KIP-890). Version 6 names topics by id and takes member epochs (KIP-1319).
 */
export const txnOffsetCommit = {
  key: 28,
  name: "TxnOffsetCommit",
  versions: [0, 6],
  flexible: 3,
  clientThrottlesFrom: 1,
  request: {
    transactionalId: "string",
    groupId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    generationIdOrMemberEpoch: { is: "int32", since: 3, or: -1 },
    memberId: { is: "string", since: 3 },
    groupInstanceId: { is: "string", since: 3, null: 3, or: null },
    topics: [{
      name: { is: "string", until: 5, lax: true },
      topicId: { is: "uuid", since: 6, lax: true },
      partitions: [{
        partitionIndex: "int32",
        committedOffset: "int64",
        committedLeaderEpoch: { is: "int32", since: 2, or: -1, lax: true },
        committedMetadata: { is: "string", null: 0 },
      }],
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    topics: [{
      name: { is: "string", until: 5, lax: true },
      topicId: { is: "uuid", since: 6, lax: true },
      partitions: [{ partitionIndex: "int32", errorCode: "int16" }],
    }],
  },
} as const satisfies Api;
