/** DeleteGroups: deletes groups with their offsets. */

import type { Api } from "../wire/schema.ts";

/** Asks the coordinator of the groups, which have to be empty (KIP-229). Version 3 can say why not. */
export const deleteGroups = {
  key: 42,
  name: "DeleteGroups",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  once: true,
  request: { groupsNames: ["string"] },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    results: [{
      groupId: "string",
      errorCode: "int16",
      errorMessage: { is: "string", since: 3, null: 3, or: null, lax: true },
    }],
  },
} as const satisfies Api;
