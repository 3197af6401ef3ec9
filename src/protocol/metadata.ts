/** Metadata: which brokers there are, and who leads which partition. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks any broker for its picture of the cluster. All topics are asked for with an empty list in version 0 and with null from
 * version 1 on, where an empty list means none. A topic is not made by asking if `allowAutoTopicCreation` is false, from version 4 on.
 * Leader epochs are reliable from version 9 on (KAFKA-9212); topic ids may be asked for from version 12 on (KIP-516).
 */
export const metadata = {
  key: 3,
  name: "Metadata",
  versions: [0, 13],
  flexible: 9,
  clientThrottlesFrom: 6,
  request: {
    topics: {
      is: [{
        topicId: { is: "uuid", since: 10, lax: true },
        name: { is: "string", null: 10 },
      }],
      null: 1,
    },
    allowAutoTopicCreation: { is: "bool", since: 4, or: true },
    includeClusterAuthorizedOperations: { is: "bool", since: 8, until: 10 },
    includeTopicAuthorizedOperations: { is: "bool", since: 8 },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 3, lax: true },
    brokers: [{
      nodeId: "int32",
      host: "string",
      port: "int32",
      rack: { is: "string", since: 1, null: 1, or: null, lax: true },
    }],
    clusterId: { is: "string", since: 2, null: 2, or: null, lax: true },
    controllerId: { is: "int32", since: 1, or: -1, lax: true },
    topics: [{
      errorCode: "int16",
      name: { is: "string", null: 12 },
      topicId: { is: "uuid", since: 10, lax: true },
      isInternal: { is: "bool", since: 1, lax: true },
      partitions: [{
        errorCode: "int16",
        partitionIndex: "int32",
        leaderId: "int32",
        leaderEpoch: { is: "int32", since: 7, or: -1, lax: true },
        replicaNodes: ["int32"],
        isrNodes: ["int32"],
        offlineReplicas: { is: ["int32"], since: 5, lax: true },
      }],
      topicAuthorizedOperations: { is: "int32", since: 8, or: -2147483648 },
    }],
    clusterAuthorizedOperations: { is: "int32", since: 8, until: 10, or: -2147483648 },
    errorCode: { is: "int16", since: 13, lax: true },
  },
} as const satisfies Api;
