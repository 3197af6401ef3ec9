/** OffsetFetch: how far a group has come. */

import type { Api } from "../wire/schema.ts";

/**
 * Version 0 is for any broker, which reads from ZooKeeper (removed in Kafka 4.0); later ones are for the group's coordinator. From
 * version 2 on null asks for all topics, and what fails as a whole has an error of its own; 5 gives leader epochs (KIP-320), 7 can
 * wait for open transactions (`requireStable`, KIP-447), 8 takes several groups, 9 member epochs (KIP-848), 10 names topics by ids.
 */
export const offsetFetch = {
  key: 9,
  name: "OffsetFetch",
  versions: [0, 10],
  flexible: 6,
  clientThrottlesFrom: 4,
  request: {
    groupId: { is: "string", until: 7 },
    topics: { is: [{ name: "string", partitionIndexes: ["int32"] }], until: 7, null: 2 },
    groups: {
      is: [{
        groupId: "string",
        memberId: { is: "string", since: 9, null: 9, or: null, lax: true },
        memberEpoch: { is: "int32", since: 9, or: -1, lax: true },
        topics: {
          is: [{
            name: { is: "string", until: 9, lax: true },
            topicId: { is: "uuid", since: 10, lax: true },
            partitionIndexes: ["int32"],
          }],
          null: 8,
        },
      }],
      since: 8,
    },
    requireStable: { is: "bool", since: 7 },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 3, lax: true },
    topics: {
      is: [{
        name: "string",
        partitions: [{
          partitionIndex: "int32",
          committedOffset: "int64",
          committedLeaderEpoch: { is: "int32", since: 5, or: -1, lax: true },
          metadata: { is: "string", null: 0 },
          errorCode: "int16",
        }],
      }],
      until: 7,
    },
    errorCode: { is: "int16", since: 2, until: 7, lax: true },
    groups: {
      is: [{
        groupId: "string",
        topics: [{
          name: { is: "string", until: 9, lax: true },
          topicId: { is: "uuid", since: 10, lax: true },
          partitions: [{
            partitionIndex: "int32",
            committedOffset: "int64",
            committedLeaderEpoch: { is: "int32", or: -1, lax: true },
            metadata: { is: "string", null: 8 },
            errorCode: "int16",
          }],
        }],
        errorCode: "int16",
      }],
      since: 8,
    },
  },
} as const satisfies Api;
