/** DeleteShareGroupOffsets: forgets how far a share group has come. */

import type { Api } from "../wire/schema.ts";

/** Asks the group's coordinator, about whole topics; the group has to be empty (KIP-932). */
export const deleteShareGroupOffsets = {
  key: 92,
  name: "DeleteShareGroupOffsets",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: { groupId: "string", topics: [{ topicName: "string" }] },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, or: null },
    responses: [{
      topicName: "string",
      topicId: "uuid",
      errorCode: "int16",
      errorMessage: { is: "string", null: 0, or: null },
    }],
  },
} as const satisfies Api;
