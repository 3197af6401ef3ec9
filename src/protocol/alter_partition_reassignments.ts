/** AlterPartitionReassignments: gives partitions other replicas. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the controller, which answers when it has begun (KIP-455). Null as replicas stops what is under way. Version 1
 * can insist on as many replicas as before (KIP-860).
 */
export const alterPartitionReassignments = {
  key: 45,
  name: "AlterPartitionReassignments",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    timeoutMs: { is: "int32", or: 60000 },
    allowReplicationFactorChange: { is: "bool", since: 1, or: true },
    topics: [{
      name: "string",
      partitions: [{ partitionIndex: "int32", replicas: { is: ["int32"], null: 0, or: null } }],
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    allowReplicationFactorChange: { is: "bool", since: 1, or: true, lax: true },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    responses: [{
      name: "string",
      partitions: [{ partitionIndex: "int32", errorCode: "int16", errorMessage: { is: "string", null: 0 } }],
    }],
  },
} as const satisfies Api;
