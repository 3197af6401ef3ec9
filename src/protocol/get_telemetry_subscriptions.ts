/** GetTelemetrySubscriptions: which metrics a broker wants to have of its clients. */

import type { Api } from "../wire/schema.ts";

/**
 * The first time with the nil id: the broker gives one for as long as the client lives (KIP-714). Names of metrics are
 * prefixes; an empty one asks for all, an empty list for none.
 */
export const getTelemetrySubscriptions = {
  key: 71,
  name: "GetTelemetrySubscriptions",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: { clientInstanceId: "uuid" },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    clientInstanceId: "uuid",
    subscriptionId: "int32",
    acceptedCompressionTypes: ["int8"],
    pushIntervalMs: "int32",
    telemetryMaxBytes: "int32",
    deltaTemporality: "bool",
    requestedMetrics: ["string"],
  },
} as const satisfies Api;
