/** OffsetForLeaderEpoch: where the records of a leader's epoch end. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a partition's leader: a consumer that was ahead of that offset has read what was lost since (KIP-320). Version 1
 * also tells which epoch that is, the asked one or the last before it (KIP-279). Version 2 lets the leader refuse an
 * asker whose metadata is older or newer. Brokers that lack version 3 may want rights on the whole cluster for it, so
 * Java does without them; from that version on a consumer is `replicaId` -1.
 */
export const offsetForLeaderEpoch = {
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [0, 4],
  flexible: 4,
  clientThrottlesFrom: 2,
  request: {
    replicaId: { is: "int32", since: 3, or: -2, lax: true },
    topics: [{
      topic: "string",
      partitions: [{
        partition: "int32",
        currentLeaderEpoch: { is: "int32", since: 2, or: -1, lax: true },
        leaderEpoch: "int32",
      }],
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", since: 2, lax: true },
    topics: [{
      topic: "string",
      partitions: [{
        errorCode: "int16",
        partition: "int32",
        leaderEpoch: { is: "int32", since: 1, or: -1, lax: true },
        endOffset: { is: "int64", or: -1 },
      }],
    }],
  },
} as const satisfies Api;
