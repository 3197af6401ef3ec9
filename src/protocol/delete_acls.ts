/** DeleteAcls: takes back what was allowed or denied. */

import type { Api } from "../wire/schema.ts";

/** Each filter deletes all that it matches, with the numbers of DescribeAcls, and the answer tells what that was. */
export const deleteAcls = {
  key: 31,
  name: "DeleteAcls",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  once: true,
  request: {
    filters: [{
      resourceTypeFilter: "int8",
      resourceNameFilter: { is: "string", null: 0 },
      patternTypeFilter: { is: "int8", since: 1, or: 3 },
      principalFilter: { is: "string", null: 0 },
      hostFilter: { is: "string", null: 0 },
      operation: "int8",
      permissionType: "int8",
    }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    filterResults: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 0 },
      matchingAcls: [{
        errorCode: "int16",
        errorMessage: { is: "string", null: 0 },
        resourceType: "int8",
        resourceName: "string",
        patternType: { is: "int8", since: 1, or: 3 },
        principal: "string",
        host: "string",
        operation: "int8",
        permissionType: "int8",
      }],
    }],
  },
} as const satisfies Api;
