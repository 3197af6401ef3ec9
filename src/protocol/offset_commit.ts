/** OffsetCommit: stores how far a group has come. */

import type { Api } from "../wire/schema.ts";

/**
 * Version 0 is for any broker, which writes to ZooKeeper (removed in Kafka 4.0, refused by brokers without ZooKeeper); later ones are
 * for the group's coordinator. Who is no member of the group commits with generation -1 and no member id. Version 1 has a timestamp
 * for each offset, 2 to 4 a retention time, -1 for the broker's own; since version 5 only the broker decides. Version 6 stores the
 * leader epoch (KIP-320), 7 names static members (KIP-345), 9 takes member epochs (KIP-848), 10 names topics by their ids.
 */
export const offsetCommit = {
  key: 8,
  name: "OffsetCommit",
  versions: [0, 10],
  flexible: 8,
  clientThrottlesFrom: 4,
  request: {
    groupId: "string",
    generationIdOrMemberEpoch: { is: "int32", since: 1, or: -1, lax: true },
    memberId: { is: "string", since: 1, lax: true },
    groupInstanceId: { is: "string", since: 7, null: 7, or: null },
    retentionTimeMs: { is: "int64", since: 2, until: 4, or: -1, lax: true },
    topics: [{
      name: { is: "string", until: 9, lax: true },
      topicId: { is: "uuid", since: 10, lax: true },
      partitions: [{
        partitionIndex: "int32",
        committedOffset: "int64",
        committedLeaderEpoch: { is: "int32", since: 6, or: -1, lax: true },
        commitTimestamp: { is: "int64", since: 1, until: 1, or: -1 },
        committedMetadata: { is: "string", null: 0 },
      }],
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", since: 3, lax: true },
    topics: [{
      name: { is: "string", until: 9, lax: true },
      topicId: { is: "uuid", since: 10, lax: true },
      partitions: [{ partitionIndex: "int32", errorCode: "int16" }],
    }],
  },
} as const satisfies Api;
