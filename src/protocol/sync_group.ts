/** SyncGroup: the members of a group get what their leader assigned. */

import type { Api } from "../wire/schema.ts";

/**
 * The leader hands in everybody's assignment, the others hand in none; each is answered with its own as soon as the
 * leader's is there. Version 3 names static members (KIP-345), version 5 the protocol, which the coordinator compares
 * with what it knows (KIP-559).
 */
export const syncGroup = {
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexible: 4,
  clientThrottlesFrom: 2,
  request: {
    groupId: "string",
    generationId: "int32",
    memberId: "string",
    groupInstanceId: { is: "string", since: 3, null: 3, or: null },
    protocolType: { is: "string", since: 5, null: 5, or: null, lax: true },
    protocolName: { is: "string", since: 5, null: 5, or: null, lax: true },
    assignments: [{ memberId: "string", assignment: "bytes" }],
  },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    errorCode: "int16",
    protocolType: { is: "string", since: 5, null: 5, or: null, lax: true },
    protocolName: { is: "string", since: 5, null: 5, or: null, lax: true },
    assignment: "bytes",
  },
} as const satisfies Api;
