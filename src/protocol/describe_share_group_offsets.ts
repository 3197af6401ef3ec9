/** DescribeShareGroupOffsets: how far share groups have come. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the coordinator of the groups; null for all their topics (KIP-932). A start offset of -1 means that none is set.
 * Version 1 has the lag (KIP-1226).
 */
export const describeShareGroupOffsets = {
  key: 90,
  name: "DescribeShareGroupOffsets",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    groups: [{ groupId: "string", topics: { is: [{ topicName: "string", partitions: ["int32"] }], null: 0 } }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    groups: [{
      groupId: "string",
      topics: [{
        topicName: "string",
        topicId: "uuid",
        partitions: [{
          partitionIndex: "int32",
          startOffset: "int64",
          leaderEpoch: "int32",
          lag: { is: "int64", since: 1, or: -1, lax: true },
          errorCode: "int16",
          errorMessage: { is: "string", null: 0, or: null },
        }],
      }],
      errorCode: "int16",
      errorMessage: { is: "string", null: 0, or: null },
    }],
  },
} as const satisfies Api;
