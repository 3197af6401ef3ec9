/** ListConfigResources: lists what has a configuration. */

import type { Api } from "../wire/schema.ts";

/**
 * Version 0 was called ListClientMetricsResources, and lists only those (KIP-1000; Kafka 3.9 calls its list
 * ClientMetricsResources). From version 1 on it lists the resource types asked for, in the numbers of DescribeConfigs,
 * or all if none is named (KIP-1142).
 */
export const listConfigResources = {
  key: 74,
  name: "ListConfigResources",
  versions: [0, 1],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: { resourceTypes: { is: ["int8"], since: 1 } },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    configResources: [{ resourceName: "string", resourceType: { is: "int8", since: 1, or: 16, lax: true } }],
  },
} as const satisfies Api;
