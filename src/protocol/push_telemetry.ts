/** PushTelemetry: gives a broker the metrics that it wants to have of its clients. */

import type { Api } from "../wire/schema.ts";

/**
 * `metrics` is OTLP, compressed as `compressionType` says in the numbers of record batches (KIP-714). One more comes,
 * `terminating`, when the client ends.
 */
export const pushTelemetry = {
  key: 72,
  name: "PushTelemetry",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  once: true,
  request: {
    clientInstanceId: "uuid",
    subscriptionId: "int32",
    terminating: "bool",
    compressionType: "int8",
    metrics: "bytes",
  },
  response: { throttleTimeMs: { is: "int32", or: 0 }, errorCode: "int16" },
} as const satisfies Api;
