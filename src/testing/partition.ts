/** Topics and partitions as tests look at them: always as they are now. */

import type { Log } from "./log.ts";
import type { PartitionState } from "./picture.ts";

/** Where a partition's parts are found. */
export interface PartitionSource {
  /** How it stands by the controller. */
  readonly state: () => PartitionState;
  /** What a broker has of it. */
  readonly log: (broker: number) => Log;
}

/** One partition, as it is by the controller's word; brokers may not have heard of it yet. */
export class Partition {
  readonly #source: PartitionSource;

  /** Made by the cluster. */
  constructor(source: PartitionSource) {
    this.#source = source;
  }

  /** Its number in the topic. */
  get index(): number {
    return this.#source.state().index;
  }

  /** Which brokers have it, the preferred leader first. */
  get replicas(): readonly number[] {
    return this.#source.state().replicas;
  }

  /** Which of them are in sync. */
  get isr(): readonly number[] {
    return this.#source.state().isr;
  }

  /** Who leads it; -1 if nobody can. */
  get leader(): number {
    return this.#source.state().leader;
  }

  /** How often the leader has changed. */
  get leaderEpoch(): number {
    return this.#source.state().leaderEpoch;
  }

  /** How many of its leaders were elected though they were not in sync: then something may have been lost. */
  get uncleanElections(): number {
    return this.#source.state().uncleanElections;
  }

  /** The leader's log; without a leader that of a replica in sync. */
  get log(): Log {
    return this.#source.log(this.leader >= 0 ? this.leader : this.isr[0] ?? this.replicas[0]!);
  }

  /** What a broker has of it, committed or not. */
  logOf(broker: number): Log {
    return this.#source.log(broker);
  }

  /** The offset behind the last record that is committed, as far as any replica knows: no consumer has seen more. */
  get highWatermark(): number {
    const known = this.replicas.map((id) => this.#source.log(id).highWatermark);
    return Math.min(Math.max(0, ...known), this.log.endOffset);
  }

  /** Where the leader's log ends. */
  get endOffset(): number {
    return this.log.endOffset;
  }
}

/** One topic. */
export interface Topic {
  /** Its name. */
  readonly name: string;
  /** Its id: another one if it is deleted and made again (KIP-516). */
  readonly id: string;
  /** What was set for it at its making. */
  readonly configs: ReadonlyMap<string, string | null>;
  /** Its partitions, by number. */
  readonly partitions: readonly Partition[];
}
