/** Which partition a message goes to when the user does not say. */

import type { World } from "../base/world.ts";
import { murmur2 } from "../bytes/murmur2.ts";
import type { PartitionInfo } from "../cluster/snapshot.ts";
import type { Bytes } from "./message.ts";

/** Chooses a partition from 0 up to, but without, `partitionCount`. */
export type Partitioner = (message: PartitionerMessage, partitionCount: number) => number;

/** What a partitioner may look at. */
export interface PartitionerMessage {
  /** The topic. */
  readonly topic: string;
  /** The key; null if it has none. */
  readonly key: Bytes | null;
  /** The value; null for a tombstone. */
  readonly value: Bytes | null;
  /** The headers in their order. */
  readonly headers: readonly (readonly [name: string, value: Bytes | null])[];
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

const utf8 = new TextEncoder();
/** Where the bytes of a text key are put to be hashed. */
const scratch = new Uint8Array(1024);

/** The partition of a key as Java's client chooses it (`BuiltInPartitioner.partitionForKey`). */
export function partitionOfKey(key: string | Uint8Array, partitionCount: number): number {
  return (murmur2(typeof key === "string" ? bytesOf(key) : key) & 0x7fffffff) % partitionCount;
}

function bytesOf(key: string): Uint8Array {
  if (key.length * 3 > scratch.length) return utf8.encode(key);
  return scratch.subarray(0, utf8.encodeInto(key, scratch).written);
}

/** What is to be known of a partition to choose it. */
export interface PartitionState {
  /** How many batches of it are on their way. */
  readonly underWay: number;
  /** Those, and what waits behind them. */
  readonly batches: readonly unknown[];
}

/**
 * Where a topic's messages without a key go: to one partition for a batch's worth of bytes or until that batch goes out, and then
 * to another, drawn by chance: fewer, larger batches, and all partitions get the same in the long run (KIP-480, KIP-794). Where
 * there is a choice it is one that has a leader and nothing in flight, so that slow brokers get less.
 */
export class StickyPartition {
  readonly #world: World;
  readonly #bytesEach: number;
  #partition = -1;
  #bytes = 0;

  /** Draws from the world's chance; moves on after so many bytes. */
  constructor(world: World, bytesEach: number) {
    this.#world = world;
    this.#bytesEach = bytesEach;
  }

  /** The partition for the next message; `states` has those that something was ever sent to. */
  choose(partitions: readonly PartitionInfo[], states: readonly (PartitionState | undefined)[]): number {
    const kept = this.#partition;
    if (kept >= 0 && kept < partitions.length) {
      const state = states[kept];
      if (!state || state.underWay === 0 || state.batches.length > state.underWay) return kept;
    }
    this.#bytes = 0;
    return this.#partition = this.#draw(partitions, states);
  }

  /** So many bytes went to a partition. */
  appended(partition: number, bytes: number): void {
    if (partition !== this.#partition) return;
    this.#bytes += bytes;
    if (this.#bytes >= this.#bytesEach) this.#partition = -1;
  }

  #draw(partitions: readonly PartitionInfo[], states: readonly (PartitionState | undefined)[]): number {
    const count = partitions.length;
    const start = Math.floor(this.#world.random() * count);
    let led = -1;
    for (let i = 0; i < count; i++) {
      const partition = (start + i) % count;
      if (partitions[partition]!.leader < 0) continue;
      if (!states[partition]?.underWay) return partition;
      if (led < 0) led = partition;
    }
    return led < 0 ? start : led;
  }
}
