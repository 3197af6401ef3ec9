/** DescribeGroups: the members and the state of groups of the classic protocol. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the coordinator of the groups. One that does not exist is told as `Dead` without an error, in version 6 with
 * GROUP_ID_NOT_FOUND (KIP-1043). What members carry is there only while the group is `Stable`; for the protocol type
 * "consumer" it is what `consumer_protocol.ts` describes. Version 3 can tell what the asker may do, as bits (KIP-430);
 * version 4 tells static members (KIP-345).
 */
export const describeGroups = {
  key: 15,
  name: "DescribeGroups",
  versions: [0, 6],
  flexible: 5,
  clientThrottlesFrom: 2,
  request: { groups: ["string"], includeAuthorizedOperations: { is: "bool", since: 3 } },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    groups: [{
      errorCode: "int16",
      errorMessage: { is: "string", since: 6, null: 6, or: null },
      groupId: "string",
      groupState: "string",
      protocolType: "string",
      protocolData: "string",
      members: [{
        memberId: "string",
        groupInstanceId: { is: "string", since: 4, null: 4, or: null, lax: true },
        clientId: "string",
        clientHost: "string",
        memberMetadata: "bytes",
        memberAssignment: "bytes",
      }],
      authorizedOperations: { is: "int32", since: 3, or: -2147483648 },
    }],
  },
} as const satisfies Api;
