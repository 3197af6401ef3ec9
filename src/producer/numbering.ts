/** How the batches of one partition are numbered, so that a broker writes each of them once and in order. Pure: no clock, no I/O. */

/** Whose batches they are, and in which of its lives (KIP-98). */
export interface Identity {
  /** Given by a broker; no other producer has it. */
  readonly producerId: number;
  /** Counts up when numbers begin anew (KIP-360). */
  readonly epoch: number;
}

/** A batch's number: the broker takes it if it comes next in this identity's sequence for the partition. */
export interface Stamp extends Identity {
  /** The number of the batch's first record. */
  readonly sequence: number;
}

/** The last epoch that an id has (`Short.MAX_VALUE`). */
export const EPOCH_MAX = 32_767;

/** How many numbers there are: from 0 up to, but without, 2^31. */
const SEQUENCES = 0x80000000;

/** The number so many records further on; after the last comes 0 (`DefaultRecordBatch.incrementSequence`). */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

/**
 * The sequence of one partition. An epoch belongs to a partition here and not to the producer: brokers keep it for each partition by
 * itself, so a partition whose numbers have to begin anew takes its next epoch alone, and what any other has under way is not touched.
 * That is how a batch of another partition, which may be written already, is never sent again under a new epoch.
 */
export class Numbering {
  #identity: Identity | undefined;
  #next = 0;
  #isBroken = false;
  #isProven = false;
  #isRefused = false;

  /** Whose numbers they are; undefined: an identity is needed first, of another id than it had. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** A number is missing for good: nothing new is numbered until the fate of all that was is known. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * Whether the leader has acknowledged one of these numbers since it leads, or since something failed. Until then one batch at a
   * time is sent: a leader that knows nothing of the producer takes whatever comes first, and would refuse for ever what should have
   * come before it (KAFKA-14359). With brokers of 0.11 it stays so: they know only the very last batch when it comes again.
   */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** The partition's records are kept in a format that has no place for numbers. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Numbers begin under this identity, at 0. */
  begin(identity: Identity): void {
    this.#identity = identity;
    this.#next = 0;
    this.#isBroken = false;
    this.#isProven = false;
  }

  /** Numbers a batch of so many records: at the moment when it is sent for the first time, so that what is given up before leaves no gap. */
  stamp(count: number): Stamp {
    const { producerId, epoch } = this.#identity!;
    const sequence = this.#next;
    this.#next = sequenceAfter(sequence, count);
    return { producerId, epoch, sequence };
  }

  /** The leader has acknowledged a number. */
  prove(): void {
    this.#isProven = true;
  }

  /** Something failed, or another broker leads: one at a time again. */
  doubt(): void {
    this.#isProven = false;
  }

  /** A batch that has a number will not be written under it. */
  break(): void {
    this.#isBroken = true;
    this.#isProven = false;
  }

  /** No broker takes this id any more. */
  forget(): void {
    this.break();
    this.#identity = undefined;
  }

  /** Nothing is numbered any more. */
  refuse(): void {
    this.break();
    this.#isRefused = true;
  }

  /** The fate of all that was numbered is known: numbers begin anew, in the next epoch or, after the last, under another id. */
  renew(): void {
    const identity = this.#identity;
    if (identity && identity.epoch < EPOCH_MAX) this.begin({ ...identity, epoch: identity.epoch + 1 });
    else {
      this.#identity = undefined;
      this.#isBroken = false;
    }
  }
}
