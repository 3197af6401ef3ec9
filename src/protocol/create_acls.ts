/** CreateAcls: allows or denies somebody something. */

import type { Api } from "../wire/schema.ts";

/**
 * The numbers are those of DescribeAcls, without those that stand for several. What is there already may be created
 * again.
 */
export const createAcls = {
  key: 30,
  name: "CreateAcls",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: {
    creations: [{
      resourceType: "int8",
      resourceName: "string",
      resourcePatternType: { is: "int8", since: 1, or: 3 },
      principal: "string",
      host: "string",
      operation: "int8",
      permissionType: "int8",
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    results: [{ errorCode: "int16", errorMessage: { is: "string", null: 0 } }],
  },
} as const satisfies Api;
