/** DescribeUserScramCredentials: lists which users have SCRAM credentials. */

import type { Api } from "../wire/schema.ts";

/**
 * Null or none asks for all users. Mechanisms: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512; passwords and salts are never told
 * (KIP-554).
 */
export const describeUserScramCredentials = {
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: { users: { is: [{ name: "string" }], null: 0 } },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    results: [{
      user: "string",
      errorCode: "int16",
      errorMessage: { is: "string", null: 0 },
      credentialInfos: [{ mechanism: "int8", iterations: "int32" }],
    }],
  },
} as const satisfies Api;
