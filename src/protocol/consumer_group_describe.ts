/** ConsumerGroupDescribe: the members and the state of consumer groups that the broker balances. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the coordinator of the groups (KIP-848). Version 1 has the type of each member: -1 unknown, 0 of the classic
 * protocol, 1 of the new one (KIP-1099).
 */
export const consumerGroupDescribe = {
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: { groupIds: ["string"], includeAuthorizedOperations: "bool" },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    groups: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 0, or: null },
      groupId: "string",
      groupState: "string",
      groupEpoch: "int32",
      assignmentEpoch: "int32",
      assignorName: "string",
      members: [{
        memberId: "string",
        instanceId: { is: "string", null: 0, or: null },
        rackId: { is: "string", null: 0, or: null },
        memberEpoch: "int32",
        clientId: "string",
        clientHost: "string",
        subscribedTopicNames: ["string"],
        subscribedTopicRegex: { is: "string", null: 0, or: null },
        assignment: { topicPartitions: [{ topicId: "uuid", topicName: "string", partitions: ["int32"] }] },
        targetAssignment: { topicPartitions: [{ topicId: "uuid", topicName: "string", partitions: ["int32"] }] },
        memberType: { is: "int8", since: 1, or: -1, lax: true },
      }],
      authorizedOperations: { is: "int32", or: -2147483648 },
    }],
  },
} as const satisfies Api;
