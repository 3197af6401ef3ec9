/** DescribeTransactions: the state of transactions. */

import type { Api } from "../wire/schema.ts";

/** Asks the coordinator of the transactional ids, about those alone (KIP-664). */
export const describeTransactions = {
  key: 65,
  name: "DescribeTransactions",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: { transactionalIds: ["string"] },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    transactionStates: [{
      errorCode: "int16",
      transactionalId: "string",
      transactionState: "string",
      transactionTimeoutMs: "int32",
      transactionStartTimeMs: "int64",
      producerId: "int64",
      producerEpoch: "int16",
      topics: [{ topic: "string", partitions: ["int32"] }],
    }],
  },
} as const satisfies Api;
