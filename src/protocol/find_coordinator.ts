/** FindCoordinator: which broker keeps a group or a transactional id. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks any broker. Kafka 0.8.2 called it ConsumerMetadata. From version 1 on `keyType` says what the key is: 0 a group, 1 a
 * transactional id (KIP-98), 2 a share group (KIP-932, version 6). From version 4 on several keys are asked about at once (KIP-699).
 * The first time that anybody asks, a broker answers COORDINATOR_NOT_AVAILABLE and makes the topic that the answers are kept in.
 */
export const findCoordinator = {
  key: 10,
  name: "FindCoordinator",
  versions: [0, 6],
  flexible: 3,
  clientThrottlesFrom: 2,
  request: {
    key: { is: "string", until: 3 },
    keyType: { is: "int8", since: 1 },
    coordinatorKeys: { is: ["string"], since: 4 },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    errorCode: { is: "int16", until: 3 },
    errorMessage: { is: "string", since: 1, until: 3, null: 1, or: null, lax: true },
    nodeId: { is: "int32", until: 3 },
    host: { is: "string", until: 3 },
    port: { is: "int32", until: 3 },
    coordinators: {
      is: [{
        key: "string",
        nodeId: "int32",
        host: "string",
        port: "int32",
        errorCode: "int16",
        errorMessage: { is: "string", null: 4, or: null },
      }],
      since: 4,
    },
  },
} as const satisfies Api;
