/** AddOffsetsToTxn: says that a transaction is going to commit offsets of a group. */

import type { Api } from "../wire/schema.ts";

/**
 * Goes to the transaction's coordinator before TxnOffsetCommit, which with transactions of version 2 says it itself
 * (KIP-890). From version 4 on the error TRANSACTION_ABORTABLE is known.
 */
export const addOffsetsToTxn = {
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexible: 3,
  clientThrottlesFrom: 1,
  request: { transactionalId: "string", producerId: "int64", producerEpoch: "int16", groupId: "string" },
  response: { throttleTimeMs: { is: "int32", or: 0 }, errorCode: "int16" },
} as const satisfies Api;
