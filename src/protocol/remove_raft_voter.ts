/** RemoveRaftVoter: makes a controller a voter no longer. */

import type { Api } from "../wire/schema.ts";

/** Takes it out of those who elect, one at a time, known by its id and its folder's (KIP-853). */
export const removeRaftVoter = {
  key: 81,
  name: "RemoveRaftVoter",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: { clusterId: { is: "string", null: 0 }, voterId: "int32", voterDirectoryId: "uuid" },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, lax: true },
  },
} as const satisfies Api;
