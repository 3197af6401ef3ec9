/** AlterUserScramCredentials: sets and deletes SCRAM credentials. */

import type { Api } from "../wire/schema.ts";

/**
 * The password is salted by whoever asks, so that it never travels (KIP-554). Mechanisms: 1 SCRAM-SHA-256, 2 SCRAM-
 * SHA-512.
 */
export const alterUserScramCredentials = {
  key: 51,
  name: "AlterUserScramCredentials",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    deletions: [{ name: "string", mechanism: "int8" }],
    upsertions: [{ name: "string", mechanism: "int8", iterations: "int32", salt: "bytes", saltedPassword: "bytes" }],
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    results: [{ user: "string", errorCode: "int16", errorMessage: { is: "string", null: 0 } }],
  },
} as const satisfies Api;
