/** JoinGroup: joins a group of the classic protocol, and waits for the others. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the group's coordinator, which answers all members at once, when everybody has joined or `rebalanceTimeoutMs` is
 * over (version 0 has only the session's time). One of them is told the `members` and what they said: it leads, and
 * assigns. From version 4 on who comes without a member id gets one with the error MEMBER_ID_REQUIRED and joins again
 * with it (KIP-394). Version 5 names static members (KIP-345), 7 echoes the protocol's type (KIP-559), 8 gives a reason
 * (KIP-800), 9 tells a static leader that comes back to leave the assignment as it is (KIP-814).
 */
export const joinGroup = {
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexible: 6,
  clientThrottlesFrom: 3,
  once: true,
  request: {
    groupId: "string",
    sessionTimeoutMs: "int32",
    rebalanceTimeoutMs: { is: "int32", since: 1, or: -1, lax: true },
    memberId: "string",
    groupInstanceId: { is: "string", since: 5, null: 5, or: null },
    protocolType: "string",
    protocols: [{ name: "string", metadata: "bytes" }],
    reason: { is: "string", since: 8, null: 8, or: null, lax: true },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 2, lax: true },
    errorCode: "int16",
    generationId: { is: "int32", or: -1 },
    protocolType: { is: "string", since: 7, null: 7, or: null, lax: true },
    protocolName: { is: "string", null: 7 },
    leader: "string",
    skipAssignment: { is: "bool", since: 9 },
    memberId: "string",
    members: [{
      memberId: "string",
      groupInstanceId: { is: "string", since: 5, null: 5, or: null, lax: true },
      metadata: "bytes",
    }],
  },
} as const satisfies Api;
