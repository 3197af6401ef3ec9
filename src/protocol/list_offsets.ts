/** ListOffsets: the first offset, the last, or the one that belongs to a time. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a partition's leader for an offset: `timestamp` is a time in ms, -1 for the end of the log, -2 for its start, -3 for the
 * largest timestamp (version 7), -4 to -6 for tiered storage (versions 8, 9, 11). Version 0, the only one before 0.10.1, answers
 * with up to `maxNumOffsets` offsets of segments, the newest first; Kafka 4.0 removed it. `replicaId` is -1 for clients.
 */
export const listOffsets = {
  key: 2,
  name: "ListOffsets",
  versions: [0, 11],
  flexible: 6,
  clientThrottlesFrom: 3,
  request: {
    replicaId: "int32",
    isolationLevel: { is: "int8", since: 2 },
    topics: [{
      name: "string",
      partitions: [{
        partitionIndex: "int32",
        currentLeaderEpoch: { is: "int32", since: 4, or: -1, lax: true },
        timestamp: "int64",
        maxNumOffsets: { is: "int32", until: 0, or: 1 },
      }],
    }],
    timeoutMs: { is: "int32", since: 10, lax: true },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 2, lax: true },
    topics: [{
      name: "string",
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
        oldStyleOffsets: { is: ["int64"], until: 0 },
        timestamp: { is: "int64", since: 1, or: -1 },
        offset: { is: "int64", since: 1, or: -1 },
        leaderEpoch: { is: "int32", since: 4, or: -1 },
      }],
    }],
  },
} as const satisfies Api;
