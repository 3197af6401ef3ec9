/** CreateDelegationToken: makes a token with which others can authenticate. */

import type { Api } from "../wire/schema.ts";

/**
 * Only for who is authenticated, and not by a token (KIP-48). `hmac` is the secret: its base64 is the SCRAM password
 * that belongs to the user `tokenId`. -1 as lifetime is the broker's longest. Version 3 makes one for somebody else
 * (KIP-373).
 */
export const createDelegationToken = {
  key: 38,
  name: "CreateDelegationToken",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  once: true,
  request: {
    ownerPrincipalType: { is: "string", since: 3, null: 3 },
    ownerPrincipalName: { is: "string", since: 3, null: 3 },
    renewers: [{ principalType: "string", principalName: "string" }],
    maxLifetimeMs: "int64",
  },
  response: {
    errorCode: "int16",
    principalType: "string",
    principalName: "string",
    tokenRequesterPrincipalType: { is: "string", since: 3 },
    tokenRequesterPrincipalName: { is: "string", since: 3 },
    issueTimestampMs: "int64",
    expiryTimestampMs: "int64",
    maxTimestampMs: "int64",
    tokenId: "string",
    hmac: "bytes",
    throttleTimeMs: { is: "int32", or: 0 },
  },
} as const satisfies Api;
