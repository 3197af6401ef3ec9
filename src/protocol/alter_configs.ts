/** AlterConfigs: replaces the configuration of topics and brokers. */

import type { Api } from "../wire/schema.ts";

/**
 * What is not named goes back to its default, so two who do this at once undo each other's work; since Kafka 2.3
 * IncrementalAlterConfigs is the better one. The resource types are those of DescribeConfigs.
 */
export const alterConfigs = {
  key: 33,
  name: "AlterConfigs",
  versions: [0, 2],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: {
    resources: [{
      resourceType: "int8",
      resourceName: "string",
      configs: [{ name: "string", value: { is: "string", null: 0 } }],
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
