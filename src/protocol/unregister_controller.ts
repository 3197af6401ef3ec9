/** UnregisterController: takes a controller that is gone for good off the list. */

import type { Api } from "../wire/schema.ts";

/** Since 4.4: the cluster remembers of each controller what it said of itself when it began. */
export const unregisterController = {
  key: 94,
  name: "UnregisterController",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: { controllerId: "int32" },
  response: { throttleTimeMs: { is: "int32", or: 0 }, errorCode: "int16", errorMessage: { is: "string", null: 0 } },
} as const satisfies Api;
