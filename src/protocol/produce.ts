/** Produce: appends records to partitions. */

import type { Api } from "../wire/schema.ts";

/**
 * Appends to the partitions that a broker leads. Versions 0 and 1 carry message sets of magic 0, version 2 of magic 1, later ones
 * exactly one record batch a partition (KIP-98); zstd needs version 7 (KIP-110). Version 13 names topics by id (KIP-516).
 * With `acks` 0 there is no response at all.
 */
export const produce = {
  key: 0,
  name: "Produce",
  versions: [0, 13],
  flexible: 9,
  clientThrottlesFrom: 6,
  once: true,
  request: {
    transactionalId: { is: "string", since: 3, null: 3, or: null },
    acks: "int16",
    timeoutMs: "int32",
    topicData: [{
      name: { is: "string", until: 12, lax: true },
      topicId: { is: "uuid", since: 13, lax: true },
      partitionData: [{
        index: "int32",
        records: { is: "records", null: 0 },
      }],
    }],
  },
  response: {
    responses: [{
      name: { is: "string", until: 12, lax: true },
      topicId: { is: "uuid", since: 13, lax: true },
      partitionResponses: [{
        index: "int32",
        errorCode: "int16",
        baseOffset: "int64",
        logAppendTimeMs: { is: "int64", since: 2, or: -1, lax: true },
        logStartOffset: { is: "int64", since: 5, or: -1, lax: true },
        recordErrors: {
          is: [{
            batchIndex: "int32",
            batchIndexErrorMessage: { is: "string", null: 8, or: null },
          }],
          since: 8,
          lax: true,
        },
        errorMessage: { is: "string", since: 8, null: 8, or: null, lax: true },
        currentLeader: {
          is: { leaderId: { is: "int32", or: -1 }, leaderEpoch: { is: "int32", or: -1 } },
          since: 10,
          tag: 0,
        },
      }],
    }],
    throttleTimeMs: { is: "int32", since: 1, lax: true },
    nodeEndpoints: {
      is: [{
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { is: "string", null: 10, or: null },
      }],
      since: 10,
      tag: 0,
    },
  },
} as const satisfies Api;
