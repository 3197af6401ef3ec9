/** IncrementalAlterConfigs: changes single configurations of topics, brokers and others. */

import type { Api } from "../wire/schema.ts";

/**
 * Operations: 0 set, 1 back to the default, 2 append to a list, 3 take out of a list (KIP-339). Resource types are
 * those of DescribeConfigs; what is a broker's is sent to that broker.
 */
export const incrementalAlterConfigs = {
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexible: 1,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    resources: [{
      resourceType: "int8",
      resourceName: "string",
      configs: [{ name: "string", configOperation: "int8", value: { is: "string", null: 0 } }],
    }],
    validateOnly: "bool",
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    responses: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 0 },
      resourceType: "int8",
      resourceName: "string",
    }],
  },
} as const satisfies Api;
