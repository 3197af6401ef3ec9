/** ListPartitionReassignments: which partitions are getting other replicas. */

import type { Api } from "../wire/schema.ts";

/** Asks the controller; null for all partitions. Those of which nothing is under way are left out (KIP-455). */
export const listPartitionReassignments = {
  key: 46,
  name: "ListPartitionReassignments",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    timeoutMs: { is: "int32", or: 60000 },
    topics: { is: [{ name: "string", partitionIndexes: ["int32"] }], null: 0, or: null },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    topics: [{
      name: "string",
      partitions: [{
        partitionIndex: "int32",
        replicas: ["int32"],
        addingReplicas: ["int32"],
        removingReplicas: ["int32"],
      }],
    }],
  },
} as const satisfies Api;
