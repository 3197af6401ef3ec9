/** DescribeAcls: lists who may do what. */

import type { Api } from "../wire/schema.ts";

/**
 * Resource types: 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user (from version 3
 * on). Patterns: 1 any, 2 all that match the name, 3 the name itself, 4 a prefix; version 0 has only 3 (KIP-290).
 * Operations: 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 describe
 * configs, 11 alter configs, 12 idempotent write, 13 create tokens, 14 describe tokens, 15 two-phase commit.
 * Permissions: 1 any, 2 deny, 3 allow. A filter of null lets all through.
 */
export const describeAcls = {
  key: 29,
  name: "DescribeAcls",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: {
    resourceTypeFilter: "int8",
    resourceNameFilter: { is: "string", null: 0 },
    patternTypeFilter: { is: "int8", since: 1, or: 3 },
    principalFilter: { is: "string", null: 0 },
    hostFilter: { is: "string", null: 0 },
    operation: "int8",
    permissionType: "int8",
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    resources: [{
      resourceType: "int8",
      resourceName: "string",
      patternType: { is: "int8", since: 1, or: 3 },
      acls: [{ principal: "string", host: "string", operation: "int8", permissionType: "int8" }],
    }],
  },
} as const satisfies Api;
