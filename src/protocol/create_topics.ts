/** CreateTopics: makes topics. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the controller to make topics, since 0.10.1. With `assignments` given, `numPartitions` and `replicationFactor` are -1; from
 * version 4 on -1 without assignments means the broker's default (KIP-464). The response has the configuration from version 5 on
 * (KIP-525) and topic ids from version 7 on (KIP-516).
 */
export const createTopics = {
  key: 19,
  name: "CreateTopics",
  versions: [0, 7],
  flexible: 5,
  clientThrottlesFrom: 3,
  once: true,
  request: {
    topics: [{
      name: "string",
      numPartitions: "int32",
      replicationFactor: "int16",
      assignments: [{ partitionIndex: "int32", brokerIds: ["int32"] }],
      configs: [{ name: "string", value: { is: "string", null: 0 } }],
    }],
    timeoutMs: { is: "int32", or: 60000 },
    validateOnly: { is: "bool", since: 1 },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 2, lax: true },
    topics: [{
      name: "string",
      topicId: { is: "uuid", since: 7, lax: true },
      errorCode: "int16",
      errorMessage: { is: "string", since: 1, null: 0, lax: true },
      topicConfigErrorCode: { is: "int16", since: 5, tag: 0, lax: true },
      numPartitions: { is: "int32", since: 5, or: -1, lax: true },
      replicationFactor: { is: "int16", since: 5, or: -1, lax: true },
      configs: {
        is: [{
          name: "string",
          value: { is: "string", null: 5 },
          readOnly: "bool",
          configSource: { is: "int8", or: -1, lax: true },
          isSensitive: "bool",
        }],
        since: 5,
        null: 5,
        lax: true,
      },
    }],
  },
} as const satisfies Api;
