/** Where a producer gets the identity from that its batches are numbered under. */

import { KafkaError } from "../base/errors.ts";
import type { Connection } from "../connection/connection.ts";
import { initProducerId } from "../protocol/init_producer_id.ts";
import type { Identity } from "./numbering.ts";

/** What helps where a user is not allowed to (before Kafka 2.8 it takes a right of its own, KIP-679). */
const REFUSED = "a producer id was asked for: allow IdempotentWrite on the cluster, or set idempotent to false";

/** The identity of one producer; fetched when it is needed first. */
export class Identities {
  readonly #timeoutMs: number;
  #current: Identity | undefined;

  /** Waits so long for an answer. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The identity that partitions begin with; asked for on this connection if there is none yet: without a transactional id any broker
   * gives one. Two that ask at once get two, and the first counts. Rejects with what asking rejects with and with what the broker
   * says; whether trying again helps, the error tells.
   */
  async obtain(connection: Connection, signal: AbortSignal): Promise<Identity> {
    if (this.#current) return this.#current;
    const options = { timeoutMs: this.#timeoutMs, signal };
    const { errorCode, producerId, producerEpoch } = await connection.request(initProducerId, {}, options);
    if (this.#current) return this.#current;
    const broker = connection.label;
    // Nothing of the batch was sent yet, whatever this error may mean elsewhere.
    if (errorCode !== 0) throw KafkaError.ofBroker(errorCode, REFUSED, { broker, persisted: "no" });
    if (producerId < 0 || producerEpoch < 0) {
      throw new KafkaError("PROTOCOL_ERROR", `${broker} gave ${producerId} as a producer id`, {
        broker,
        persisted: "no",
      });
    }
    return this.#current = { producerId, epoch: producerEpoch };
  }

  /** An id is of no use any more: who needs one next asks for another. */
  discard(producerId: number): void {
    if (this.#current?.producerId === producerId) this.#current = undefined;
  }
}
