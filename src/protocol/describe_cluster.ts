/** DescribeCluster: the brokers of a cluster, or its controllers. */

import type { Api } from "../wire/schema.ts";

/**
 * Says the same of brokers as Metadata, without topics (KIP-700). From version 1 on endpoint type 2 asks for
 * controllers, of whom only a controller knows (KIP-919); version 2 can list brokers that are fenced (KIP-1073).
 */
export const describeCluster = {
  key: 60,
  name: "DescribeCluster",
  versions: [0, 2],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    includeClusterAuthorizedOperations: "bool",
    endpointType: { is: "int8", since: 1, or: 1 },
    includeFencedBrokers: { is: "bool", since: 2 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, or: null },
    endpointType: { is: "int8", since: 1, or: 1 },
    clusterId: "string",
    controllerId: { is: "int32", or: -1 },
    brokers: [{
      brokerId: "int32",
      host: "string",
      port: "int32",
      rack: { is: "string", null: 0, or: null },
      isFenced: { is: "bool", since: 2 },
    }],
    clusterAuthorizedOperations: { is: "int32", or: -2147483648 },
  },
} as const satisfies Api;
