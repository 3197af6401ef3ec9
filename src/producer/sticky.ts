/** Where messages without a key go: as many bytes to each partition, less to those whose broker is slow (KIP-480, KIP-794). */

import type { World } from "../base/world.ts";
import type { PartitionInfo } from "../cluster/snapshot.ts";

/** What is to be known of a batch. */
interface BatchState {
  readonly heldBytes: number;
  readonly createdAt: number;
}

/** What is to be known of a partition to choose it. */
export interface PartitionState {
  /** How many batches of it are on their way. */
  readonly underWay: number;
  /** Those, and what waits behind them. */
  readonly batches: readonly BatchState[];
}

/** How messages without a key are spread. */
export interface StickySettings {
  /** How many bytes go to a partition before the next is drawn. */
  readonly stickyBytes: number;
  /** How old a batch gets, in milliseconds, before its leader counts as unavailable; Infinity: never. */
  readonly unavailableAfterMs: number;
}

/** How many partitions are tried by chance before all are looked at. */
const TRIES = 4;
/** A busy partition is left after so many times the bytes that busy partitions usually get. */
const USUAL_TIMES = 2;
/** What is usual at first, as a part of a batch: learning to take more costs less than what a slow broker would get. */
const FIRST_PART = 64;
/** How fast what is usual follows. */
const STEP = 1.125;

/**
 * Keeps to a partition for a batch's worth of bytes or until its batch goes out, and then draws another: one that has a leader
 * and holds nothing if there is any, each as likely; else a busy one, the likelier the less it holds. So a slow broker,
 * whose partitions are busy for longer and hold more, gets less, and equal brokers get the same.
 *
 * A batch behind one that is under way goes out when that is answered: on a slow broker it would grow for longer than others
 * do, and the slower the broker the more it would get. So a busy partition is left early once it has taken some times of what
 * busy ones usually take: their median, which follows each by a small step.
 */
export class StickyPartition {
  readonly #world: World;
  readonly #settings: StickySettings;
  readonly #unavailable = new Set<number>();
  #partition = -1;
  #bytes = 0;
  /** Bytes at which it is left. */
  #limit = 0;
  /** It held something when it was drawn. */
  #isBusy = false;
  /** The median of what busy partitions took. */
  #usual: number;

  /** Draws from the world's chance. */
  constructor(world: World, settings: StickySettings) {
    this.#world = world;
    this.#settings = settings;
    this.#usual = settings.stickyBytes / FIRST_PART;
  }

  /** The partition for the next message; `states` has those that something was ever sent to. */
  choose(partitions: readonly PartitionInfo[], states: readonly (PartitionState | undefined)[]): number {
    const kept = this.#partition;
    if (kept >= 0 && kept < partitions.length) {
      const state = states[kept];
      if (!state || state.underWay === 0 || state.batches.length > state.underWay) return kept;
      this.#leave();
    }
    return this.#draw(partitions, states);
  }

  /** So many bytes went to a partition. */
  appended(partition: number, bytes: number): void {
    if (partition !== this.#partition) return;
    this.#bytes += bytes;
    if (this.#bytes >= this.#limit) this.#leave();
  }

  #leave(): void {
    this.#partition = -1;
    if (!this.#isBusy) return;
    const usual = this.#bytes > this.#usual ? this.#usual * STEP : this.#usual / STEP;
    this.#usual = Math.max(1, Math.min(this.#settings.stickyBytes, usual));
  }

  #draw(partitions: readonly PartitionInfo[], states: readonly (PartitionState | undefined)[]): number {
    const { stickyBytes, unavailableAfterMs } = this.#settings;
    if (unavailableAfterMs < Infinity) this.#findUnavailable(partitions, states, unavailableAfterMs);
    let drawn = this.#drawIdle(partitions, states);
    this.#isBusy = drawn < 0;
    this.#bytes = 0;
    this.#limit = this.#isBusy ? Math.min(stickyBytes, USUAL_TIMES * this.#usual) : stickyBytes;
    if (drawn < 0) drawn = this.#drawBusy(partitions, states);
    if (drawn < 0) drawn = drawLed(this.#world, partitions);
    return this.#partition = drawn;
  }

  /** One that holds nothing, each as likely: by luck, or by counting them. */
  #drawIdle(partitions: readonly PartitionInfo[], states: readonly (PartitionState | undefined)[]): number {
    const count = partitions.length;
    for (let i = 0; i < TRIES; i++) {
      const tried = Math.floor(this.#world.random() * count);
      if (this.#isIdle(partitions[tried]!, states[tried])) return tried;
    }
    let idle = 0;
    for (let i = 0; i < count; i++) if (this.#isIdle(partitions[i]!, states[i])) idle++;
    if (idle === 0) return -1;
    let left = Math.floor(this.#world.random() * idle);
    return partitions.findIndex((partition, i) => this.#isIdle(partition, states[i]) && left-- === 0);
  }

  /** One by how little it holds: where there are cumulative frequencies, as in Java's `BuiltInPartitioner`, of bytes. */
  #drawBusy(partitions: readonly PartitionInfo[], states: readonly (PartitionState | undefined)[]): number {
    let most = 0;
    for (let i = 0; i < partitions.length; i++) {
      if (this.#isAvailable(partitions[i]!)) most = Math.max(most, heldBytes(states[i]));
    }
    let sum = 0;
    for (let i = 0; i < partitions.length; i++) {
      if (this.#isAvailable(partitions[i]!)) sum += most + 1 - heldBytes(states[i]);
    }
    if (sum === 0) return -1;
    let left = Math.floor(this.#world.random() * sum);
    return partitions.findIndex((partition, i) => {
      if (!this.#isAvailable(partition)) return false;
      left -= most + 1 - heldBytes(states[i]);
      return left < 0;
    });
  }

  #isIdle(partition: PartitionInfo, state: PartitionState | undefined): boolean {
    return this.#isAvailable(partition) && !state?.batches.length;
  }

  #isAvailable({ leader }: PartitionInfo): boolean {
    return leader >= 0 && !this.#unavailable.has(leader);
  }

  /** The brokers that have left a batch without an answer for too long; as long as there are others. */
  #findUnavailable(
    partitions: readonly PartitionInfo[],
    states: readonly (PartitionState | undefined)[],
    afterMs: number,
  ): void {
    this.#unavailable.clear();
    const before = this.#world.now() - afterMs;
    for (let i = 0; i < partitions.length; i++) {
      if (states[i]?.batches[0] && states[i]!.batches[0]!.createdAt < before) {
        this.#unavailable.add(partitions[i]!.leader);
      }
    }
  }
}

/** A partition that has a leader, each as likely; any, if none has. */
export function drawLed(world: World, partitions: readonly PartitionInfo[]): number {
  const count = partitions.length;
  let drawn = 0;
  for (let i = 0; i < TRIES; i++) {
    drawn = Math.floor(world.random() * count);
    if (partitions[drawn]!.leader >= 0) return drawn;
  }
  let led = 0;
  for (const { leader } of partitions) if (leader >= 0) led++;
  if (led === 0) return drawn;
  let left = Math.floor(world.random() * led);
  return partitions.findIndex(({ leader }) => leader >= 0 && left-- === 0);
}

function heldBytes(state: PartitionState | undefined): number {
  let bytes = 0;
  if (state) { for (const batch of state.batches) bytes += batch.heldBytes; }
  return bytes;
}
