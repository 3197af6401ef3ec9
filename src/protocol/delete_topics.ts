/** DeleteTopics: deletes topics. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the controller to delete topics, since 0.10.1: `topicNames` up to version 5, from version 6 on `topics`, each by name or by
 * id (KIP-516).
 */
export const deleteTopics = {
  key: 20,
  name: "DeleteTopics",
  versions: [0, 6],
  flexible: 4,
  clientThrottlesFrom: 2,
  once: true,
  request: {
    topics: {
      is: [{ name: { is: "string", null: 6, or: null }, topicId: "uuid" }],
      since: 6,
    },
    topicNames: { is: ["string"], until: 5, lax: true },
    timeoutMs: "int32",
  },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    responses: [{
      name: { is: "string", null: 6 },
      topicId: { is: "uuid", since: 6, lax: true },
      errorCode: "int16",
      errorMessage: { is: "string", since: 5, null: 5, or: null, lax: true },
    }],
  },
} as const satisfies Api;
