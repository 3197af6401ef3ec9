/** ShareGroupDescribe: the members and the state of share groups. */

import type { Api } from "../wire/schema.ts";

/** Asks the coordinator of the groups (KIP-932). Version 0 was a preview of Kafka 4.0. */
export const shareGroupDescribe = {
  key: 77,
  name: "ShareGroupDescribe",
  versions: [1, 1],
  flexible: 0,
  clientThrottlesFrom: 1,
  request: { groupIds: ["string"], includeAuthorizedOperations: "bool" },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    groups: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 1, or: null },
      groupId: "string",
      groupState: "string",
      groupEpoch: "int32",
      assignmentEpoch: "int32",
      assignorName: "string",
      members: [{
        memberId: "string",
        rackId: { is: "string", null: 1, or: null },
        memberEpoch: "int32",
        clientId: "string",
        clientHost: "string",
        subscribedTopicNames: ["string"],
        assignment: { topicPartitions: [{ topicId: "uuid", topicName: "string", partitions: ["int32"] }] },
      }],
      authorizedOperations: { is: "int32", or: -2147483648 },
    }],
  },
} as const satisfies Api;
