/** What a partition remembers of its producers, so that it takes each of their batches once and in order (KIP-98). */

import { errorNumbers } from "../base/error_codes.ts";
import { BATCH, ENTRY, int64At } from "../records/layout.ts";

/** How many batches of a producer a partition remembers (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`): so many may be in flight. */
export const BATCHES_KEPT = 5;

/** Sequences go round: 0 comes after 2^31 - 1. */
const SEQUENCES = 0x80000000;

/** What the head of a batch says of its producer. */
export interface ProducerHead {
  /** Whose batch it is. */
  readonly producerId: number;
  /** In which life of that producer it was numbered. */
  readonly epoch: number;
  /** The number of its first record. */
  readonly sequence: number;
  /** How many numbers it takes. */
  readonly count: number;
}

/** A batch that has its place in the log. */
export interface KnownBatch {
  /** The number of its first record. */
  readonly sequence: number;
  /** The number of its last record. */
  readonly lastSequence: number;
  /** The offset of its first record. */
  readonly baseOffset: number;
  /** The offset of its last record. */
  readonly lastOffset: number;
  /** Its largest timestamp, in ms since 1970. */
  readonly maxTimestamp: number;
}

/** A batch as a log stores it. */
export interface StoredBatch {
  /** The first offset. */
  readonly baseOffset: number;
  /** The last offset. */
  readonly lastOffset: number;
  /** The largest timestamp inside, in ms since 1970. */
  readonly maxTimestamp: number;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/** How a release minds producers; measured on brokers from 0.11.0.3 to 4.4.0. */
export interface ProducerRules {
  /** How many batches back a duplicate is known as one: 5, but only the last one before Kafka 1.0. */
  readonly window: number;
  /**
   * What a first batch is answered with whose sequence is not 0, of a producer that the partition does not know: error 45 in 0.11,
   * 59 from 1.0 on; since 2.5 it is taken as it is (undefined; KIP-360).
   */
  readonly unknown: 45 | 59 | undefined;
  /** Whether a producer is forgotten when its last record is deleted; since 2.4 it is not (KAFKA-7190). */
  readonly dropsDeleted: boolean;
  /** Milliseconds after which a producer is forgotten that writes nothing (`producer.id.expiration.ms`, KIP-854). */
  readonly expirationMs: number;
}

/** At which moment a batch is judged. */
export interface Moment {
  /** Where the log begins. */
  readonly startOffset: number;
  /** The time, in ms since 1970. */
  readonly wall: number;
}

/** One producer, as a partition knows it. */
export interface KnownProducer {
  /** Its newest epoch. */
  readonly epoch: number;
  /** The last batches, the oldest first. */
  readonly batches: readonly KnownBatch[];
}

/** How often brokers look who has expired (`producer.id.expiration.check.interval.ms`). */
const EXPIRATION_CHECK_MS = 600_000;

/** Who wrote a batch, and how it is numbered; undefined for what has no producer id. */
export function producerHead(bytes: Uint8Array): ProducerHead | undefined {
  if (bytes.length < BATCH.head || bytes[ENTRY.magic]! < 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const producerId = int64At(view, BATCH.producerId);
  if (producerId < 0) return undefined;
  return {
    producerId,
    epoch: view.getInt16(BATCH.producerEpoch),
    sequence: view.getInt32(BATCH.baseSequence),
    count: view.getInt32(BATCH.lastOffsetDelta) + 1,
  };
}

/** The sequence that lies so many records after another one (`DefaultRecordBatch.incrementSequence`). */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

/**
 * The producers of one log (`ProducerStateManager`). It follows from what is stored: a replica that starts again or is truncated
 * derives it anew, and has then forgotten producers whose records had all been deleted.
 */
export class ProducerState {
  readonly #producers = new Map<number, KnownProducer>();
  #checkedAt = 0;

  /** The state that those batches leave, the oldest first. */
  static of(stored: Iterable<StoredBatch>): ProducerState {
    const state = new ProducerState();
    for (const batch of stored) state.append(batch);
    return state;
  }

  /** How many producers are known. */
  get size(): number {
    return this.#producers.size;
  }

  /** What is known of a producer. */
  get(producerId: number): KnownProducer | undefined {
    return this.#producers.get(producerId);
  }

  /**
   * Whether a batch may be appended (`UnifiedLog.analyzeAndValidateProducerState`, `ProducerAppendInfo.checkSequence`): undefined if
   * so, the batch itself if it is there already, else Kafka's number of what is wrong.
   */
  check(head: ProducerHead, rules: ProducerRules, moment: Moment): KnownBatch | number | undefined {
    const { epoch, sequence, count } = head;
    this.#expire(rules.expirationMs, moment.wall);
    const known = this.#known(head.producerId, rules, moment.startOffset);
    if (!known) return sequence === 0 ? undefined : rules.unknown;
    if (epoch === known.epoch) {
      const last = sequenceAfter(sequence, count - 1);
      const twin = known.batches.slice(-rules.window).find((batch) =>
        batch.sequence === sequence && batch.lastSequence === last
      );
      if (twin) return twin;
    }
    if (epoch < known.epoch) return errorNumbers.INVALID_PRODUCER_EPOCH;
    const expected = epoch > known.epoch ? 0 : sequenceAfter(known.batches.at(-1)!.lastSequence, 1);
    return sequence === expected ? undefined : errorNumbers.OUT_OF_ORDER_SEQUENCE_NUMBER;
  }

  /** A batch has got its place in the log: it is remembered if a producer numbered it. */
  append({ bytes, baseOffset, lastOffset, maxTimestamp }: StoredBatch): void {
    const head = producerHead(bytes);
    if (!head || head.sequence < 0) return;
    const { producerId, epoch, sequence, count } = head;
    const before = this.#producers.get(producerId);
    const batches = before?.epoch === epoch ? before.batches : [];
    const lastSequence = sequenceAfter(sequence, count - 1);
    const batch: KnownBatch = { sequence, lastSequence, baseOffset, lastOffset, maxTimestamp };
    this.#producers.set(producerId, { epoch, batches: [...batches.slice(1 - BATCHES_KEPT), batch] });
  }

  /** The log has lost all from `offset` on and holds what is given: the state is derived anew, if that changes anything. */
  truncateTo(offset: number, stored: Iterable<StoredBatch>): void {
    const isTouched = [...this.#producers.values()].some(({ batches }) => batches.at(-1)!.lastOffset >= offset);
    if (isTouched) this.rebuild(stored);
  }

  /** Forgets all but what the log holds, as a broker that starts again after a crash. */
  rebuild(stored: Iterable<StoredBatch>): void {
    this.#producers.clear();
    for (const batch of stored) this.append(batch);
  }

  /** Forgets the producers whose last record lies before `offset`, as brokers before 2.4 do when records are deleted. */
  deleteBefore(offset: number): void {
    for (const [producerId, { batches }] of this.#producers) {
      if (batches.at(-1)!.lastOffset < offset) this.#producers.delete(producerId);
    }
  }

  #known(producerId: number, { dropsDeleted }: ProducerRules, startOffset: number): KnownProducer | undefined {
    if (dropsDeleted) this.deleteBefore(startOffset);
    return this.#producers.get(producerId);
  }

  /**
   * Brokers look every ten minutes, and go by the timestamps of records. Nobody sees when they look, only what is known when the
   * next batch is judged: so it is enough to catch up with the last look then.
   */
  #expire(expirationMs: number, wall: number): void {
    const lookedAt = wall - wall % EXPIRATION_CHECK_MS;
    if (this.#checkedAt === 0) this.#checkedAt = lookedAt;
    if (lookedAt <= this.#checkedAt) return;
    this.#checkedAt = lookedAt;
    for (const [producerId, { batches }] of this.#producers) {
      if (lookedAt - batches.at(-1)!.maxTimestamp >= expirationMs) this.#producers.delete(producerId);
    }
  }
}
