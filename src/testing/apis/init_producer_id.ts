/**
 * InitProducerId, answered as brokers do, since 0.11.
 *
 * - Without a transactional id any broker hands out an id that nobody has had, out of a block of a thousand of its own; the epoch is
 *   0, or what `producerEpochs` of the cluster says. An id and an epoch that the producer had before, from version 3 on, change
 *   nothing: it gets another id.
 * - An empty transactional id, and an id without an epoch or the other way round, are INVALID_REQUEST.
 * - Transactions are not played: no broker coordinates any, so each answers NOT_COORDINATOR, as real ones do that are not it.
 * - Since 3.3 a real broker answers COORDINATOR_LOAD_IN_PROGRESS while it waits for its first block (seen on 3.9.2 and 4.4.0). Here
 *   it has one at once; a test that wants to see the other answer gives it with `control`.
 */

import { initProducerId } from "../../protocol/init_producer_id.ts";
import { type Answer, type Call, type Handler, handler } from "../call.ts";
import { errorNumbers } from "../../base/error_codes.ts";

/** Answers InitProducerId. */
export const initProducerIdHandler: Handler = handler(initProducerId, answer);

function answer({ host, body }: Call<typeof initProducerId>): Answer<typeof initProducerId> {
  const { transactionalId, producerId, producerEpoch } = body;
  if (transactionalId === "" || (producerId < 0) !== (producerEpoch < 0)) return failed(errorNumbers.INVALID_REQUEST);
  if (transactionalId !== null) return failed(errorNumbers.NOT_COORDINATOR);
  const { producerIds } = host;
  return {
    throttleTimeMs: 0,
    errorCode: errorNumbers.NONE,
    producerId: producerIds.next(),
    producerEpoch: producerIds.epoch,
  };
}

function failed(errorCode: number): Answer<typeof initProducerId> {
  return { throttleTimeMs: 0, errorCode, producerId: -1, producerEpoch: -1 };
}
