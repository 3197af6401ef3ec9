/** Which partition a message goes to when the user does not say. */

import type { World } from "../base/world.ts";
import { murmur2 } from "../bytes/murmur2.ts";
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

/** The partition of a key as Java's client chooses it (`BuiltInPartitioner.partitionForKey`). */
export function partitionOfKey(key: string | Uint8Array, partitionCount: number): number {
  const bytes = typeof key === "string" ? utf8.encode(key) : key;
  return (murmur2(bytes) & 0x7fffffff) % partitionCount;
}

/**
 * The default: a key's messages share a partition; the rest go to one partition for a batch's worth of bytes, and then to
 * another, drawn by chance: fewer, larger batches, and all partitions get the same in the long run (KIP-480, KIP-794).
 */
export class DefaultPartitioner {
  readonly #world: World;
  readonly #bytesEach: number;
  readonly #sticky = new Map<string, { readonly partition: number; bytes: number }>();

  /** Draws from the world's chance; moves on after so many bytes. */
  constructor(world: World, bytesEach: number) {
    this.#world = world;
    this.#bytesEach = bytesEach;
  }

  /** The partition for a message. */
  choose(message: PartitionerMessage, partitionCount: number): number {
    if (message.key !== null) return partitionOfKey(message.key, partitionCount);
    const kept = this.#sticky.get(message.topic);
    if (kept && kept.partition < partitionCount) return kept.partition;
    const partition = Math.floor(this.#world.random() * partitionCount);
    this.#sticky.set(message.topic, { partition, bytes: 0 });
    return partition;
  }

  /** So many bytes went there. */
  appended(topic: string, partition: number, bytes: number): void {
    const kept = this.#sticky.get(topic);
    if (kept?.partition !== partition) return;
    kept.bytes += bytes;
    if (kept.bytes >= this.#bytesEach) this.#sticky.delete(topic);
  }
}
