/** EndTxn: commits or aborts a transaction. */

import type { Api } from "../wire/schema.ts";

/**
 * Goes to the transaction's coordinator, which is still at work when it answers: the next transaction may meet
 * CONCURRENT_TRANSACTIONS for a while. Version 5 is transactions of version 2: each one ends with a new epoch,
 * sometimes a new producer id, and the answer tells them (KIP-890).
 */
export const endTxn = {
  key: 26,
  name: "EndTxn",
  versions: [0, 5],
  flexible: 3,
  clientThrottlesFrom: 1,
  request: { transactionalId: "string", producerId: "int64", producerEpoch: "int16", committed: "bool" },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    producerId: { is: "int64", since: 5, or: -1, lax: true },
    producerEpoch: { is: "int16", since: 5, or: -1, lax: true },
  },
} as const satisfies Api;
