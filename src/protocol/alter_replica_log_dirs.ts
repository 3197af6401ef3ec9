/** AlterReplicaLogDirs: moves replicas to other folders of their broker. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the broker that has them, or is going to have them (KIP-113). It answers when it has begun; how far it is
 * DescribeLogDirs tells as the lag of the future replica.
 */
export const alterReplicaLogDirs = {
  key: 34,
  name: "AlterReplicaLogDirs",
  versions: [0, 2],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: { dirs: [{ path: "string", topics: [{ name: "string", partitions: ["int32"] }] }] },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    results: [{ topicName: "string", partitions: [{ partitionIndex: "int32", errorCode: "int16" }] }],
  },
} as const satisfies Api;
