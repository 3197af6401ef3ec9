/** SaslAuthenticate: one message of a SASL mechanism, each way. */

import type { Api } from "../wire/schema.ts";

/**
 * Carries what the mechanism says. From version 1 on (Kafka 2.2, KIP-368) the last answer tells for how many milliseconds the
 * session is good; 0: for as long as the connection lives.
 */
export const saslAuthenticate = {
  key: 36,
  name: "SaslAuthenticate",
  versions: [0, 2],
  flexible: 2,
  request: { authBytes: "bytes" },
  response: {
    errorCode: "int16",
    errorMessage: { is: "string", null: 0 },
    authBytes: "bytes",
    sessionLifetimeMs: { is: "int64", since: 1, lax: true },
  },
} as const satisfies Api;
