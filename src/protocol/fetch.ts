/** Fetch: reads records from partitions. */

import type { Api } from "../wire/schema.ts";

/**
 * Reads from partitions, and waits for `minBytes` up to `maxWaitMs`. From version 3 on the whole response has a limit and the order
 * of the partitions counts (KIP-74); version 4 brings transactions (KIP-98), 7 sessions (KIP-227), 9 leader epochs (KIP-320),
 * 10 zstd (KIP-110), 11 the reader's rack (KIP-392), 13 topic ids (KIP-516). What `records` holds is told by its magic bytes alone,
 * never by the version; the last entry may be cut off. Versions 15 and later have fields for brokers that replicate.
 */
export const fetch = {
  key: 1,
  name: "Fetch",
  versions: [0, 18],
  flexible: 12,
  clientThrottlesFrom: 8,
  request: {
    clusterId: { is: "string", since: 12, null: 12, or: null, tag: 0, lax: true },
    replicaId: { is: "int32", until: 14, or: -1 },
    replicaState: {
      is: { replicaId: { is: "int32", or: -1 }, replicaEpoch: { is: "int64", or: -1 } },
      since: 15,
      tag: 1,
    },
    maxWaitMs: "int32",
    minBytes: "int32",
    maxBytes: { is: "int32", since: 3, or: 0x7fffffff, lax: true },
    isolationLevel: { is: "int8", since: 4, lax: true },
    sessionId: { is: "int32", since: 7, lax: true },
    sessionEpoch: { is: "int32", since: 7, or: -1, lax: true },
    topics: [{
      topic: { is: "string", until: 12, lax: true },
      topicId: { is: "uuid", since: 13, lax: true },
      partitions: [{
        partition: "int32",
        currentLeaderEpoch: { is: "int32", since: 9, or: -1, lax: true },
        fetchOffset: "int64",
        lastFetchedEpoch: { is: "int32", since: 12, or: -1 },
        logStartOffset: { is: "int64", since: 5, or: -1, lax: true },
        partitionMaxBytes: "int32",
        replicaDirectoryId: { is: "uuid", since: 17, tag: 0, lax: true },
        highWatermark: { is: "int64", since: 18, or: 0x8000000000000000, tag: 1, lax: true },
      }],
    }],
    forgottenTopicsData: {
      is: [{
        topic: { is: "string", until: 12, lax: true },
        topicId: { is: "uuid", since: 13, lax: true },
        partitions: ["int32"],
      }],
      since: 7,
    },
    rackId: { is: "string", since: 11, lax: true },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    errorCode: { is: "int16", since: 7, lax: true },
    sessionId: { is: "int32", since: 7 },
    responses: [{
      topic: { is: "string", until: 12, lax: true },
      topicId: { is: "uuid", since: 13, lax: true },
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
        highWatermark: "int64",
        lastStableOffset: { is: "int64", since: 4, or: -1, lax: true },
        logStartOffset: { is: "int64", since: 5, or: -1, lax: true },
        divergingEpoch: {
          is: { epoch: { is: "int32", or: -1 }, endOffset: { is: "int64", or: -1 } },
          since: 12,
          tag: 0,
        },
        currentLeader: {
          is: { leaderId: { is: "int32", or: -1 }, leaderEpoch: { is: "int32", or: -1 } },
          since: 12,
          tag: 1,
        },
        snapshotId: {
          is: { endOffset: { is: "int64", or: -1 }, epoch: { is: "int32", or: -1 } },
          since: 12,
          tag: 2,
        },
        abortedTransactions: { is: [{ producerId: "int64", firstOffset: "int64" }], since: 4, null: 4, lax: true },
        preferredReadReplica: { is: "int32", since: 11, or: -1 },
        records: { is: "records", null: 0 },
      }],
    }],
    nodeEndpoints: {
      is: [{
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { is: "string", null: 16, or: null },
      }],
      since: 16,
      tag: 0,
    },
  },
} as const satisfies Api;
