/** DescribeClientQuotas: lists quotas. */

import type { Api } from "../wire/schema.ts";

/**
 * Match types: 0 the name given, 1 the default entity, 2 any with a name (KIP-546). With `strict` an entity may have no
 * parts but those asked for. The default entity has no name.
 */
export const describeClientQuotas = {
  key: 48,
  name: "DescribeClientQuotas",
  versions: [0, 1],
  flexible: 1,
  clientThrottlesFrom: 0,
  request: {
    components: [{ entityType: "string", matchType: "int8", match: { is: "string", null: 0 } }],
    strict: "bool",
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    entries: {
      is: [{
        entity: [{ entityType: "string", entityName: { is: "string", null: 0 } }],
        values: [{ key: "string", value: "float64" }],
      }],
      null: 0,
    },
  },
} as const satisfies Api;
