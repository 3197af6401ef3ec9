/** ListTransactions: lists the transactions that a broker coordinates. */

import type { Api } from "../wire/schema.ts";

/**
 * Asks one broker; empty filters let all through (KIP-664). States that it does not know come back. Version 1 can ask
 * for those open longer than so many ms (KIP-994), version 2 for ids that match a regular expression of RE2 (KIP-1152).
 */
export const listTransactions = {
  key: 66,
  name: "ListTransactions",
  versions: [0, 2],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    stateFilters: ["string"],
    producerIdFilters: ["int64"],
    durationFilter: { is: "int64", since: 1, or: -1 },
    transactionalIdPattern: { is: "string", since: 2, null: 2, or: null },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    unknownStateFilters: ["string"],
    transactionStates: [{ transactionalId: "string", producerId: "int64", transactionState: "string" }],
  },
} as const satisfies Api;
