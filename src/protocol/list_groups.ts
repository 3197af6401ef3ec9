/** ListGroups: which groups a broker coordinates. */

import type { Api } from "../wire/schema.ts";

/** Asks one broker for its groups, since 0.9: so it also tells an 0.9 broker, which has no ApiVersions, from an 0.8 one. */
export const listGroups = {
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexible: 3,
  clientThrottlesFrom: 2,
  request: {
    statesFilter: { is: ["string"], since: 4 },
    typesFilter: { is: ["string"], since: 5 },
  },
  response: {
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    errorCode: "int16",
    groups: [{
      groupId: "string",
      protocolType: "string",
      groupState: { is: "string", since: 4, lax: true },
      groupType: { is: "string", since: 5, lax: true },
    }],
  },
} as const satisfies Api;
