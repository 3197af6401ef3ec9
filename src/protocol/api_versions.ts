/** ApiVersions: which requests a broker understands, and in which versions. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a broker what it can do, since 0.10.0. Version 3 tells who asks (KIP-511) and brings the cluster's features (KIP-584);
 * version 5 says which broker is meant (KIP-1242). A broker that does not know the version answers with error 35 in version 0.
 */
export const apiVersions = {
  key: 18,
  name: "ApiVersions",
  versions: [0, 5],
  flexible: 3,
  clientThrottlesFrom: 2,
  request: {
    clientSoftwareName: { is: "string", since: 3, lax: true },
    clientSoftwareVersion: { is: "string", since: 3, lax: true },
    clusterId: { is: "string", since: 5, null: 5, or: null, lax: true },
    nodeId: { is: "int32", since: 5, or: -1, lax: true },
  },
  response: {
    errorCode: "int16",
    apiKeys: [{ apiKey: "int16", minVersion: "int16", maxVersion: "int16" }],
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    supportedFeatures: {
      is: [{ name: "string", minVersion: "int16", maxVersion: "int16" }],
      since: 3,
      tag: 0,
      lax: true,
    },
    finalizedFeaturesEpoch: { is: "int64", since: 3, or: -1, tag: 1, lax: true },
    finalizedFeatures: {
      is: [{ name: "string", maxVersionLevel: "int16", minVersionLevel: "int16" }],
      since: 3,
      tag: 2,
      lax: true,
    },
    zkMigrationReady: { is: "bool", since: 3, tag: 3, lax: true },
  },
} as const satisfies Api;
