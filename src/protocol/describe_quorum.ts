/** DescribeQuorum: who leads the controllers, and how far each follows. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks any broker about partition 0 of `__cluster_metadata`, which passes it on. Version 1 tells when each was heard
 * (KIP-836); version 2 where they listen, and their folders (KIP-853).
 */
export const describeQuorum = {
  key: 55,
  name: "DescribeQuorum",
  versions: [0, 2],
  flexible: 0,
  request: { topics: [{ topicName: "string", partitions: [{ partitionIndex: "int32" }] }] },
  response: {
    errorCode: "int16",
    errorMessage: { is: "string", since: 2, null: 2, lax: true },
    topics: [{
      topicName: "string",
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
        errorMessage: { is: "string", since: 2, null: 2, lax: true },
        leaderId: "int32",
        leaderEpoch: "int32",
        highWatermark: "int64",
        currentVoters: [{
          replicaId: "int32",
          replicaDirectoryId: { is: "uuid", since: 2 },
          logEndOffset: "int64",
          lastFetchTimestamp: { is: "int64", since: 1, or: -1, lax: true },
          lastCaughtUpTimestamp: { is: "int64", since: 1, or: -1, lax: true },
        }],
        observers: [{
          replicaId: "int32",
          replicaDirectoryId: { is: "uuid", since: 2 },
          logEndOffset: "int64",
          lastFetchTimestamp: { is: "int64", since: 1, or: -1, lax: true },
          lastCaughtUpTimestamp: { is: "int64", since: 1, or: -1, lax: true },
        }],
      }],
    }],
    nodes: { is: [{ nodeId: "int32", listeners: [{ name: "string", host: "string", port: "uint16" }] }], since: 2 },
  },
} as const satisfies Api;
