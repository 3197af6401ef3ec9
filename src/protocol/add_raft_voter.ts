/** AddRaftVoter: makes a controller a voter. */

import type { Api } from "../wire/schema.ts";

/**
 * Takes a controller that follows already into those who elect, one at a time (KIP-853). With version 1 it may answer
 * before that is certain (KIP-1186).
 */
export const addRaftVoter = {
  key: 80,
  name: "AddRaftVoter",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    clusterId: { is: "string", null: 0 },
    timeoutMs: "int32",
    voterId: "int32",
    voterDirectoryId: "uuid",
    listeners: [{ name: "string", host: "string", port: "uint16" }],
    ackWhenCommitted: { is: "bool", since: 1, or: true },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, lax: true },
  },
} as const satisfies Api;
