/** DescribeProducers: which producers a partition remembers. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a partition's leader or another replica (KIP-664). An open transaction begins at `currentTxnStartOffset`; -1 for
 * none.
 */
export const describeProducers = {
  key: 61,
  name: "DescribeProducers",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: { topics: [{ name: "string", partitionIndexes: ["int32"] }] },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    topics: [{
      name: "string",
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
        errorMessage: { is: "string", null: 0, or: null },
        activeProducers: [{
          producerId: "int64",
          producerEpoch: "int32",
          lastSequence: { is: "int32", or: -1 },
          lastTimestamp: { is: "int64", or: -1 },
          coordinatorEpoch: "int32",
          currentTxnStartOffset: { is: "int64", or: -1 },
        }],
      }],
    }],
  },
} as const satisfies Api;
