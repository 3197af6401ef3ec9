/** WriteTxnMarkers: ends a transaction in the partitions themselves. */

import type { Api } from "../wire/schema.ts";

/**
 * Coordinators send it to the leaders of partitions. A client does so to get rid of a transaction that hangs, whose
 * coordinator has forgotten it (KIP-664), and needs the rights of a broker. Version 2 says by which version of
 * transactions it was begun (KIP-1228).
 */
export const writeTxnMarkers = {
  key: 27,
  name: "WriteTxnMarkers",
  versions: [0, 2],
  flexible: 1,
  once: true,
  request: {
    markers: [{
      producerId: "int64",
      producerEpoch: "int16",
      transactionResult: "bool",
      topics: [{ name: "string", partitionIndexes: ["int32"] }],
      coordinatorEpoch: "int32",
      transactionVersion: { is: "int8", since: 2, lax: true },
    }],
  },
  response: {
    markers: [{
      producerId: "int64",
      topics: [{ name: "string", partitions: [{ partitionIndex: "int32", errorCode: "int16" }] }],
    }],
  },
} as const satisfies Api;
