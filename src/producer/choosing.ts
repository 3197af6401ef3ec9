/** Chooses the partitions of one topic's messages, by the rule that the user has named or given. */

import type { World } from "../base/world.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/snapshot.ts";
import type { Outgoing } from "./message.ts";
import {
  noKey,
  type Partitioner,
  type PartitionerContext,
  type PartitionerName,
  partitionOfKey,
} from "./partitioner.ts";
import { drawLed, type PartitionState, StickyPartition, type StickySettings } from "./sticky.ts";

/** What the producer's options say of it. */
export interface ChoosingSettings extends StickySettings {
  readonly partitioner: PartitionerName | Partitioner;
}

/** Where a message goes; undefined: where messages without a key go. */
type Rule = (message: Outgoing, topic: TopicInfo) => number | undefined;

/** One topic's. */
export class PartitionChooser {
  /** Undefined for the default, which most use: it is not worth a call. */
  readonly #rule: Rule | undefined;
  readonly #sticky: StickyPartition;

  /** Draws from the world's chance. */
  constructor(world: World, settings: ChoosingSettings) {
    this.#sticky = new StickyPartition(world, settings);
    const { partitioner } = settings;
    this.#rule = partitioner === "murmur2" ? undefined : ruleOf(partitioner, world);
  }

  /** The partition for a message that names none; `states` has those that something was ever sent to. A user's function may give anything. */
  choose(message: Outgoing, topic: TopicInfo, states: readonly (PartitionState | undefined)[]): number {
    const { partitions } = topic;
    if (this.#rule) return this.#rule(message, topic) ?? this.#sticky.choose(partitions, states);
    const { key } = message;
    return key === null ? this.#sticky.choose(partitions, states) : partitionOfKey(key, partitions.length);
  }

  /** So many bytes went to a partition, whoever chose it. */
  appended(partition: number, bytes: number): void {
    this.#sticky.appended(partition, bytes);
  }
}

function ruleOf(partitioner: Exclude<PartitionerName, "murmur2"> | Partitioner, world: World): Rule {
  if (typeof partitioner === "function") return usersRule(partitioner, world);
  switch (partitioner) {
    case "sticky":
      return () => undefined;
    case "random":
      return (_, { partitions }) => drawLed(world, partitions);
    case "roundRobin":
      return roundRobin(world);
    case "pykafka":
      return ({ key }, { partitions }) => {
        if (key === null) throw noKey("pykafka");
        return partitionOfKey(key, partitions.length, "pykafka");
      };
    case "crc32":
      return ({ key }, { partitions }) =>
        key === null || key.length === 0 ? undefined : partitionOfKey(key, partitions.length, "crc32");
    case "fnv1a":
      return ({ key }, { partitions }) => key === null ? undefined : partitionOfKey(key, partitions.length, "fnv1a");
  }
}

/** Producers that live shortly would all begin at the first partition, so each begins somewhere. */
function roundRobin(world: World): Rule {
  let last = -1;
  return (_, { partitions }) => {
    const count = partitions.length;
    if (last < 0) last = Math.floor(world.random() * count);
    for (let i = 1; i <= count; i++) {
      const next = (last + i) % count;
      if (partitions[next]!.leader >= 0) return last = next;
    }
    return last = (last + 1) % count;
  };
}

function usersRule(partitioner: Partitioner, world: World): Rule {
  let known: readonly PartitionInfo[] | undefined;
  let led: readonly number[] = [];
  const context: PartitionerContext = {
    get available() {
      return led;
    },
    random: () => world.random(),
  };
  return (message, { partitions }) => {
    if (known !== partitions) {
      known = partitions;
      led = partitions.filter(({ leader }) => leader >= 0).map(({ partition }) => partition);
    }
    return partitioner(message, partitions.length, context);
  };
}
