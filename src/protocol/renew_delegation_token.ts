/** RenewDelegationToken: puts off the end of a delegation token. */

import type { Api } from "../wire/schema.ts";

/**
 * For the owner and the renewers of a token (KIP-48); never past its longest lifetime, -1 as far as the broker lets it
 * by default.
 */
export const renewDelegationToken = {
  key: 39,
  name: "RenewDelegationToken",
  versions: [0, 2],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: { hmac: "bytes", renewPeriodMs: "int64" },
  response: { errorCode: "int16", expiryTimestampMs: "int64", throttleTimeMs: { is: "int32", or: 0 } },
} as const satisfies Api;
