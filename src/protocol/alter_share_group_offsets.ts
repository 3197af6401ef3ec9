/** AlterShareGroupOffsets: sets how far a share group has come. */

import type { Api } from "../wire/schema.ts";

/** Asks the group's coordinator; the group has to be empty (KIP-932). */
export const alterShareGroupOffsets = {
  key: 91,
  name: "AlterShareGroupOffsets",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    groupId: "string",
    topics: [{ topicName: "string", partitions: [{ partitionIndex: "int32", startOffset: "int64" }] }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, or: null },
    responses: [{
      topicName: "string",
      topicId: "uuid",
      partitions: [{ partitionIndex: "int32", errorCode: "int16", errorMessage: { is: "string", null: 0, or: null } }],
    }],
  },
} as const satisfies Api;
