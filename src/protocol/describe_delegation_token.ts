/** DescribeDelegationToken: lists delegation tokens. */

import type { Api } from "../wire/schema.ts";

/**
 * Those of the owners that the asker may see, secrets included; null for all (KIP-48). Version 3 tells who asked for
 * each (KIP-373).
 */
export const describeDelegationToken = {
  key: 41,
  name: "DescribeDelegationToken",
  versions: [0, 3],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: { owners: { is: [{ principalType: "string", principalName: "string" }], null: 0 } },
  response: {
    errorCode: "int16",
    tokens: [{
      principalType: "string",
      principalName: "string",
      tokenRequesterPrincipalType: { is: "string", since: 3 },
      tokenRequesterPrincipalName: { is: "string", since: 3 },
      issueTimestamp: "int64",
      expiryTimestamp: "int64",
      maxTimestamp: "int64",
      tokenId: "string",
      hmac: "bytes",
      renewers: [{ principalType: "string", principalName: "string" }],
    }],
    throttleTimeMs: { is: "int32", or: 0 },
  },
} as const satisfies Api;
