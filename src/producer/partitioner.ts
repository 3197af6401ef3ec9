/** Which partition a message goes to when the user does not say: the names and functions that users choose by. */

import { KafkaError } from "../base/errors.ts";
import { brief } from "../base/options.ts";
import { crc32 } from "../bytes/crc32.ts";
import { fnv1a } from "../bytes/fnv1a.ts";
import { murmur2 } from "../bytes/murmur2.ts";
import { sha1 } from "../bytes/sha1.ts";
import type { Bytes } from "./message.ts";

/**
 * A hash of keys, and the clients that put a key to the same partition by it:
 *
 * - `"murmur2"`: Java's client (`BuiltInPartitioner`, before 3.3 `DefaultPartitioner`), librdkafka's `murmur2` and
 *   `murmur2_random`, kafkajs' `DefaultPartitioner`, kafka-python, franz-go, sarama's `NewMurmur2Partitioner`.
 * - `"crc32"`: librdkafka's `consistent` and `consistent_random` (its default, and so that of its clients in Python, Go,
 *   .NET and Node), sarama's `NewConsistentCRCHashPartitioner`.
 * - `"fnv1a"`: sarama's `NewHashPartitioner` (its default), librdkafka's `fnv1a` and `fnv1a_random`. The hash counts as
 *   signed and its sign is dropped; sarama's `NewReferenceHashPartitioner`, which clears the bit of the sign, is another.
 * - `"pykafka"`: PyKafka's `HashingPartitioner` from 2.2.0 on: SHA-1, as one large number.
 */
export type KeyHash = "murmur2" | "crc32" | "fnv1a" | "pykafka";

/**
 * How partitions are chosen. A {@linkcode KeyHash} is for messages with a key; those without go where `"sticky"` would put
 * them. Two look closer: `"crc32"` takes an empty key for none, as librdkafka's `consistent_random` does, and `"pykafka"`
 * refuses a message without a key with `INVALID_OPTION`, as PyKafka does. The others look at no key:
 *
 * - `"sticky"`: to one partition for a batch's worth of bytes, then to another, less to those whose broker is slow: Java's
 *   with `partitioner.ignore.keys`, and what was `UniformStickyPartitioner`.
 * - `"random"`: each by chance to a partition that has a leader: librdkafka's `random`, sarama's `NewRandomPartitioner`.
 * - `"roundRobin"`: each to the next partition that has a leader, from one drawn by chance: Java's and sarama's round robin,
 *   and PyKafka's default, which is called `RandomPartitioner` and counts.
 *
 * librdkafka's `consistent`, `murmur2` and `fnv1a` put messages without a key to the partition of the empty key; that is
 * a function: `({ key }, count) => partitionOfKey(key ?? "", count, "crc32")`.
 */
export type PartitionerName = KeyHash | "sticky" | "random" | "roundRobin";

const keyHashes: readonly KeyHash[] = ["murmur2", "crc32", "fnv1a", "pykafka"];
/** Every name. */
export const partitionerNames: readonly PartitionerName[] = [...keyHashes, "sticky", "random", "roundRobin"];

/**
 * Chooses a partition from 0 up to, but without, `partitionCount`; undefined: where `"sticky"` would put it. It is called once
 * a message, in the order in which messages find room.
 */
export type Partitioner = (
  message: PartitionerMessage,
  partitionCount: number,
  context: PartitionerContext,
) => number | undefined;

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

/** What a partitioner may ask for. */
export interface PartitionerContext {
  /** The topic's partitions that have a leader now, in their order; what goes to another one waits until it has one. */
  readonly available: readonly number[];
  /** A number from 0 up to, but without, 1: in a simulated world the seed's. */
  random(): number;
}

const utf8 = new TextEncoder();
/** Where the bytes of a text key are put to be hashed. */
const scratch = new Uint8Array(1024);

/** The partition of a key as the clients that {@linkcode KeyHash} names choose it; as Java's does, if not said. */
export function partitionOfKey(key: Bytes, partitionCount: number, hash: KeyHash = "murmur2"): number {
  const bytes = typeof key === "string" ? bytesOf(key) : key;
  if (hash === "murmur2") return (murmur2(bytes) & 0x7fffffff) % partitionCount;
  switch (hash) {
    case "crc32":
      return crc32(bytes) % partitionCount;
    case "fnv1a":
      return Math.abs(fnv1a(bytes)) % partitionCount; // of the lowest number too: here it does not overflow
    case "pykafka":
      return remainder(sha1(bytes), partitionCount);
  }
}

function bytesOf(key: string): Uint8Array {
  if (key.length * 3 > scratch.length) return utf8.encode(key);
  return scratch.subarray(0, utf8.encodeInto(key, scratch).written);
}

/** What is left of a number of many words, the highest first, by half a word at a time, so that nothing is rounded. */
function remainder(words: Uint32Array, divisor: number): number {
  let left = 0;
  for (const word of words) {
    left = (left * 0x10000 + (word >>> 16)) % divisor;
    left = (left * 0x10000 + (word & 0xffff)) % divisor;
  }
  return left;
}

/**
 * PyKafka's `GroupHashingPartitioner`: each key has `groupSize` partitions next to each other, and its messages go to one of
 * them by chance. `hash` makes a whole number of a key, or is the name of one. Throws `INVALID_OPTION`; a message without a
 * key, or a topic of fewer partitions, fails with it.
 */
export function groupHashing(hash: KeyHash | ((key: Bytes) => number), groupSize = 1): Partitioner {
  if (typeof hash !== "function" && !keyHashes.includes(hash)) {
    throw refused("hash", "a function or a hash's name", hash);
  }
  if (!Number.isInteger(groupSize) || groupSize < 1) throw refused("groupSize", "a whole number from 1", groupSize);
  return ({ key }, count, context) => {
    if (key === null) throw noKey("groupHashing");
    if (groupSize > count) throw refused("groupSize", `at most the number of partitions, ${count}`, groupSize);
    const hashed = typeof hash === "function" ? hash(key) : partitionOfKey(key, count, hash);
    return Math.abs(hashed + Math.floor(context.random() * groupSize)) % count;
  };
}

/** The error of a message that has no key where there has to be one. */
export function noKey(partitioner: string): KafkaError {
  return new KafkaError("INVALID_OPTION", `The partitioner ${partitioner} needs a key, and the message has none`);
}

function refused(what: string, allowed: string, value: unknown): KafkaError {
  return new KafkaError("INVALID_OPTION", `groupHashing: ${what} must be ${allowed}, not ${brief(value)}`);
}
