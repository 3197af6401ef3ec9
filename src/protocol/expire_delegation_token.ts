/** ExpireDelegationToken: ends a delegation token, now or soon. */

import type { Api } from "../wire/schema.ts";

/** For the owner and the renewers of a token (KIP-48). A negative period ends it at once and forgets it. */
export const expireDelegationToken = {
  key: 40,
  name: "ExpireDelegationToken",
  versions: [0, 2],
  flexible: 2,
  clientThrottlesFrom: 1,
  once: true,
  request: { hmac: "bytes", expiryTimePeriodMs: "int64" },
  response: { errorCode: "int16", expiryTimestampMs: "int64", throttleTimeMs: { is: "int32", or: 0 } },
} as const satisfies Api;
