/** What groups have committed, and which broker keeps it. */

import { hashText } from "./chance.ts";

/** How far a group has come in a partition. */
export interface CommittedOffset {
  /** The next offset to be read. */
  readonly offset: number;
  /** The epoch of the leader that wrote what was read last; -1 if it was not said. */
  readonly leaderEpoch: number;
  /** The text beside it; null only where 0.8 was given none. */
  readonly metadata: string | null;
}

/** Offsets by topic and partition. */
export type TopicOffsets = ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>>;

/** One of the two places that know offsets. They outlive their brokers. */
export class GroupOffsets {
  readonly #groups = new Map<string, Map<string, Map<number, CommittedOffset>>>();

  /** All that a group has committed. */
  of(group: string): TopicOffsets {
    return this.#groups.get(group) ?? new Map();
  }

  /** Whether anybody has committed for a group. */
  has(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Somebody commits for a group: from now on it is there, whatever comes of that. */
  begin(group: string): void {
    if (!this.has(group)) this.#groups.set(group, new Map());
  }

  /** Puts an offset in the place of the one before it. */
  set(group: string, topic: string, partition: number, committed: CommittedOffset): void {
    const topics = this.#groups.get(group) ?? new Map<string, Map<number, CommittedOffset>>();
    const partitions = topics.get(topic) ?? new Map<number, CommittedOffset>();
    this.#groups.set(group, topics.set(topic, partitions.set(partition, committed)));
  }

  /** A topic is gone, and what was committed for it. */
  deleteTopic(topic: string): void {
    for (const topics of this.#groups.values()) topics.delete(topic);
  }
}

/**
 * Which broker coordinates a group: always the same of all there are, and the next one that runs while it is away. Undefined if
 * none runs.
 */
export function coordinatorOf(
  group: string,
  nodes: Iterable<{ readonly id: number; readonly alive: boolean }>,
): number | undefined {
  const all = [...nodes].sort((a, b) => a.id - b.id);
  const first = all.length === 0 ? 0 : hashText(group) % all.length;
  return [...all.slice(first), ...all.slice(0, first)].find(({ alive }) => alive)?.id;
}
