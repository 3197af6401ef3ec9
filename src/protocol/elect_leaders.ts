/** ElectLeaders: has leaders elected anew. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks the controller; null for all partitions. Type 0 gives leadership back to the first replica, type 1, from version
 * 1 on, to one that is not in sync, if no other lives: records may be lost (KIP-460). A partition that was named and needs
 * nothing has the error ELECTION_NOT_NEEDED.
 */
export const electLeaders = {
  key: 43,
  name: "ElectLeaders",
  versions: [0, 2],
  flexible: 2,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    electionType: { is: "int8", since: 1 },
    topicPartitions: { is: [{ topic: "string", partitions: ["int32"] }], null: 0 },
    timeoutMs: { is: "int32", or: 60000 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: { is: "int16", since: 1 },
    replicaElectionResults: [{
      topic: "string",
      partitionResult: [{ partitionId: "int32", errorCode: "int16", errorMessage: { is: "string", null: 0 } }],
    }],
  },
} as const satisfies Api;
