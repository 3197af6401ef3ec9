/** OffsetDelete: forgets offsets that a group has committed. */

import type { Api } from "../wire/schema.ts";

/** Asks the group's coordinator; refused for topics that a member is subscribed to (KIP-496). It never became flexible. */
export const offsetDelete = {
  key: 47,
  name: "OffsetDelete",
  versions: [0, 0],
  flexible: 1,
  clientThrottlesFrom: 0,
  request: { groupId: "string", topics: [{ name: "string", partitions: [{ partitionIndex: "int32" }] }] },
  response: {
    errorCode: "int16",
    throttleTimeMs: { is: "int32", or: 0, lax: true },
    topics: [{ name: "string", partitions: [{ partitionIndex: "int32", errorCode: "int16" }] }],
  },
} as const satisfies Api;
