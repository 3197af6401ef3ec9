/** CreatePartitions: gives topics more partitions. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the controller. `count` is how many there are to be in all; `assignments` are of the new ones only, null leaves
 * them to the cluster (KIP-195). Keys move to other partitions, which nothing warns of. From version 3 on who makes too
 * many is told THROTTLING_QUOTA_EXCEEDED (KIP-599).
 */
export const createPartitions = {
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  once: true,
  request: {
    topics: [{ name: "string", count: "int32", assignments: { is: [{ brokerIds: ["int32"] }], null: 0 } }],
    timeoutMs: "int32",
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    results: [{ name: "string", errorCode: "int16", errorMessage: { is: "string", null: 0, or: null } }],
  },
} as const satisfies Api;
