/** UnregisterBroker: takes a broker that is gone for good off the list. */

import type { Api } from "../wire/schema.ts";

/** For clusters without ZooKeeper, since 2.8: they remember every broker that was there, and go on counting on it. */
export const unregisterBroker = {
  key: 64,
  name: "UnregisterBroker",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: { brokerId: "int32" },
  response: { throttleTimeMs: { is: "int32", or: 0 }, errorCode: "int16", errorMessage: { is: "string", null: 0 } },
} as const satisfies Api;
