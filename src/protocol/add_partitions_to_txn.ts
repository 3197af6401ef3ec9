/** AddPartitionsToTxn: says which partitions a transaction is going to write to. */

import type { Api } from "../wire/schema.ts";

/**
 * Goes to the transaction's coordinator before the first record of a partition (KIP-98); with transactions of version 2
 * Produce says it itself (KIP-890). Clients speak versions up to 3 with the fields called `v3AndBelow…`; with the later
 * ones brokers ask about several transactions at once, or only whether partitions belong to one.
 */
export const addPartitionsToTxn = {
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [0, 5],
  flexible: 3,
  clientThrottlesFrom: 1,
  request: {
    transactions: {
      is: [{
        transactionalId: "string",
        producerId: "int64",
        producerEpoch: "int16",
        verifyOnly: { is: "bool", or: false },
        topics: [{ name: "string", partitions: ["int32"] }],
      }],
      since: 4,
    },
    v3AndBelowTransactionalId: { is: "string", until: 3 },
    v3AndBelowProducerId: { is: "int64", until: 3 },
    v3AndBelowProducerEpoch: { is: "int16", until: 3 },
    v3AndBelowTopics: { is: [{ name: "string", partitions: ["int32"] }], until: 3 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: { is: "int16", since: 4, lax: true },
    resultsByTransaction: {
      is: [{
        transactionalId: "string",
        topicResults: [{
          name: "string",
          resultsByPartition: [{ partitionIndex: "int32", partitionErrorCode: "int16" }],
        }],
      }],
      since: 4,
    },
    resultsByTopicV3AndBelow: {
      is: [{ name: "string", resultsByPartition: [{ partitionIndex: "int32", partitionErrorCode: "int16" }] }],
      until: 3,
    },
  },
} as const satisfies Api;
