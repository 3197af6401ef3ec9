/** DeleteRecords: deletes the oldest records of partitions. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks a partition's leader to drop what lies before an offset, -1 for all that is committed (KIP-107). `lowWatermark`
 * is then the first offset that is left.
 */
export const deleteRecords = {
  key: 21,
  name: "DeleteRecords",
  versions: [0, 2],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: {
    topics: [{ name: "string", partitions: [{ partitionIndex: "int32", offset: "int64" }] }],
    timeoutMs: "int32",
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    topics: [{ name: "string", partitions: [{ partitionIndex: "int32", lowWatermark: "int64", errorCode: "int16" }] }],
  },
} as const satisfies Api;
