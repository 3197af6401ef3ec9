/** DescribeLogDirs: the folders of a broker and how much lies in them. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks one broker, with null about all its replicas (KIP-113). A folder that failed has an error of its own; what fails
 * as a whole looks like no folders before version 3. Version 4 has the size of the volume, -1 for unknown (KIP-827),
 * version 5 whether new replicas stay away from it (KIP-1066).
 */
export const describeLogDirs = {
  key: 35,
  name: "DescribeLogDirs",
  versions: [0, 5],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: { topics: { is: [{ topic: "string", partitions: ["int32"] }], null: 0 } },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: { is: "int16", since: 3, lax: true },
    results: [{
      errorCode: "int16",
      logDir: "string",
      topics: [{
        name: "string",
        partitions: [{ partitionIndex: "int32", partitionSize: "int64", offsetLag: "int64", isFutureKey: "bool" }],
      }],
      totalBytes: { is: "int64", since: 4, or: -1, lax: true },
      usableBytes: { is: "int64", since: 4, or: -1, lax: true },
      isCordoned: { is: "bool", since: 5, lax: true },
    }],
  },
} as const satisfies Api;
