/** InitProducerId: an id under which a producer numbers its batches, so that none is written twice. */

import type { Api } from "../wire/schema.ts";

/**
 * Gives a producer id with an epoch (KIP-98). Without a transactional id any broker answers, and each time with another id, whose
 * epoch is 0; with one it has to be the transaction's coordinator. From version 3 on a transactional producer names what it has
 * had until now, to go on with the next epoch (KIP-360). Version 6 (two-phase commit, KIP-939) is not finished in Kafka 4.4: brokers
 * list it only if told to, and it may change until they all do, so it is not spoken here.
 */
export const initProducerId = {
  key: 22,
  name: "InitProducerId",
  versions: [0, 5],
  flexible: 2,
  clientThrottlesFrom: 1,
  request: {
    transactionalId: { is: "string", null: 0, or: null },
    transactionTimeoutMs: { is: "int32", or: 0x7fffffff },
    producerId: { is: "int64", since: 3, or: -1 },
    producerEpoch: { is: "int16", since: 3, or: -1 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0, lax: true },
    errorCode: "int16",
    producerId: { is: "int64", or: -1 },
    producerEpoch: "int16",
  },
} as const satisfies Api;
