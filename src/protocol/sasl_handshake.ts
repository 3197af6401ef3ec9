/** SaslHandshake: which mechanism a connection is going to authenticate with. */

import type { Api } from "../wire/schema.ts";

/**
 * Names the mechanism before anything else is said on a listener with SASL. After version 0 (Kafka 0.10) the mechanism's own
 * messages follow bare, each behind an int32 with its length and no header; after version 1 (Kafka 1.0, KIP-152) they travel
 * inside SaslAuthenticate. It never became flexible.
 */
export const saslHandshake = {
  key: 17,
  name: "SaslHandshake",
  versions: [0, 1],
  flexible: 2,
  request: { mechanism: "string" },
  response: {
    errorCode: "int16",
    mechanisms: ["string"],
  },
} as const satisfies Api;
