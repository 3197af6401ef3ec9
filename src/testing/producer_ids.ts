/** Producer ids, which are given out to the brokers in blocks, so that no two of them hand out the same one. */

/** How many ids a block has (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`). */
const BLOCK_SIZE = 1000;

/** The cluster's blocks, one after the other. */
export class ProducerIdBlocks {
  #next = 0;

  /** The first id of the next block. */
  take(): number {
    const first = this.#next;
    this.#next += BLOCK_SIZE;
    return first;
  }
}

/** One broker's ids (`ProducerIdManager`). What is left of its block when it ends nobody gets. */
export class ProducerIds {
  /** The epoch that they are handed out with. */
  readonly epoch: number;
  readonly #blocks: ProducerIdBlocks;
  #next = 0;
  #end = 0;

  /** Out of those blocks. */
  constructor(blocks: ProducerIdBlocks, epoch: number) {
    this.#blocks = blocks;
    this.epoch = epoch;
  }

  /** An id that nobody has. */
  next(): number {
    if (this.#next === this.#end) {
      this.#next = this.#blocks.take();
      this.#end = this.#next + BLOCK_SIZE;
    }
    return this.#next++;
  }
}
