/** LeaveGroup: a member leaves its group, so that nobody waits for its session to end. */

import type { Api } from "../wire/schema.ts";

/**
 * Up to version 2 one member leaves, `memberId`; from version 3 on any number of `members` do, static ones by their
 * instance id alone (KIP-345). Version 5 says for each of them why (KIP-800).
 */
export const leaveGroup = {
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexible: 4,
  clientThrottlesFrom: 2,
  once: true,
  request: {
    groupId: "string",
    memberId: { is: "string", until: 2 },
    members: {
      is: [{
        memberId: "string",
        groupInstanceId: { is: "string", null: 3, or: null },
        reason: { is: "string", since: 5, null: 5, or: null, lax: true },
      }],
      since: 3,
    },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    errorCode: "int16",
    members: { is: [{ memberId: "string", groupInstanceId: { is: "string", null: 3 }, errorCode: "int16" }], since: 3 },
  },
} as const satisfies Api;
