/** UpdateFeatures: raises or lowers the features of a cluster. */

import type { Api } from "../wire/schema.ts";

/**
 * Features are such as `metadata.version`; ApiVersions tells what they are at (KIP-584). A level below 1 removes one.
 * Version 0 only says whether lowering is allowed, version 1 how: 1 raise, 2 lower if nothing is lost, 3 lower in any
 * case (KIP-778). From version 2 on there is one result for all.
 */
export const updateFeatures = {
  key: 57,
  name: "UpdateFeatures",
  versions: [0, 2],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    timeoutMs: { is: "int32", or: 60000 },
    featureUpdates: [{
      feature: "string",
      maxVersionLevel: "int16",
      allowDowngrade: { is: "bool", until: 0 },
      upgradeType: { is: "int8", since: 1, or: 1 },
    }],
    validateOnly: { is: "bool", since: 1 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    results: {
      is: [{ feature: "string", errorCode: "int16", errorMessage: { is: "string", null: 0 } }],
      until: 1,
      lax: true,
    },
  },
} as const satisfies Api;
