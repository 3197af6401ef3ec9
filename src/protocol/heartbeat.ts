/** Heartbeat: a member of a group says that it is alive. */

import type { Api } from "../wire/schema.ts";

/**
 * Goes to the group's coordinator every few seconds. The error REBALANCE_IN_PROGRESS is news rather than a failure: it
 * is time to join again. Version 3 names static members (KIP-345).
 */
export const heartbeat = {
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexible: 4,
  clientThrottlesFrom: 2,
  request: {
    groupId: "string",
    generationId: "int32",
    memberId: "string",
    groupInstanceId: { is: "string", since: 3, null: 3, or: null },
  },
  response: { throttleTimeMs: { is: "int32", since: 1, lax: true }, errorCode: "int16" },
} as const satisfies Api;
