/** Under which leader each part of a log was written: what two logs that have parted find their last common record by (KIP-101). */

/** Where a leader's part begins. */
export interface EpochStart {
  /** The leader's epoch. */
  readonly epoch: number;
  /** The first offset that it wrote, or would have written. */
  readonly offset: number;
}

/** Where an epoch ends in a log. */
export interface EpochEnd {
  /** The epoch that was asked for, or the last one before it that the log knows; -1 if there is none. */
  readonly epoch: number;
  /** The offset behind its last record; -1 if there is none. */
  readonly offset: number;
}

/** What is known of an epoch that is before all others. */
export const NO_EPOCH: EpochEnd = { epoch: -1, offset: -1 };

/** One log's leaders (`LeaderEpochFileCache`). Pure. */
export class LeaderEpochs {
  #starts: EpochStart[] = [];

  /** The newest epoch; -1 if there is none. */
  get last(): number {
    return this.#starts[this.#starts.length - 1]?.epoch ?? -1;
  }

  /** The oldest first. */
  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  /** A leader begins to write at `offset`; nothing new if it has already, or if it is an older one. */
  begin(epoch: number, offset: number): void {
    if (epoch <= this.last) return;
    // A leader that wrote nothing leaves no trace: what begins at one offset is the newest one's.
    while (this.#starts[this.#starts.length - 1]?.offset === offset) this.#starts.pop();
    this.#starts.push({ epoch, offset });
  }

  /** Where `epoch` ends in a log that ends at `logEnd`. */
  endOf(epoch: number, logEnd: number): EpochEnd {
    if (epoch < 0 || this.#starts.length === 0) return NO_EPOCH;
    if (epoch === this.last) return { epoch, offset: logEnd };
    let at = this.#starts.length - 1;
    while (at >= 0 && this.#starts[at]!.epoch > epoch) at--;
    const next = this.#starts[at + 1];
    if (!next) return NO_EPOCH; // newer than all that is known
    return at < 0 ? { epoch, offset: next.offset } : { epoch: this.#starts[at]!.epoch, offset: next.offset };
  }

  /** What lies from `offset` on is gone. */
  truncateTo(offset: number): void {
    this.#starts = this.#starts.filter((start) => start.offset < offset);
  }

  /** What lies before `offset` is gone. */
  deleteBefore(offset: number): void {
    const kept = this.#starts.findLastIndex((start) => start.offset <= offset);
    if (kept < 0) return;
    const { epoch } = this.#starts[kept]!;
    this.#starts = [{ epoch, offset: Math.max(offset, this.#starts[kept]!.offset) }, ...this.#starts.slice(kept + 1)];
  }
}
