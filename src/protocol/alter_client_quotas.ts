/** AlterClientQuotas: sets and removes quotas. */

import type { Api } from "../wire/schema.ts";

/**
 * An entity is a combination of "user", "client-id" and "ip" with their names, null for the default one (KIP-546). What
 * is set already may be set again.
 */
export const alterClientQuotas = {
  key: 49,
  name: "AlterClientQuotas",
  versions: [0, 1],
  flexible: 1,
  clientThrottlesFrom: 0,
  request: {
    entries: [{
      entity: [{ entityType: "string", entityName: { is: "string", null: 0 } }],
      ops: [{ key: "string", value: "float64", remove: "bool" }],
    }],
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    entries: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 0 },
      entity: [{ entityType: "string", entityName: { is: "string", null: 0 } }],
    }],
  },
} as const satisfies Api;
