/** Where a group's offsets are kept: by its coordinator, or in ZooKeeper, which any broker of an old cluster writes to. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { askCoordinator } from "../cluster/coordinators.ts";
import { offsetCommit } from "../protocol/offset_commit.ts";
import { offsetFetch } from "../protocol/offset_fetch.ts";
import type { Api, Request, Response } from "../wire/schema.ts";

/** How far a group has come in a partition. */
export interface CommittedOffset {
  /** The next offset to be read. */
  readonly offset: number;
  /** The epoch of the leader that wrote the message before it; -1 where that is not known (always before Kafka 2.1). */
  readonly leaderEpoch: number;
  /** The text that was stored beside it; empty if there is none. */
  readonly metadata: string;
}

/** Where offsets are kept. */
export type OffsetsKeeper = "kafka" | "zookeeper";

/** From these versions on a request names topics by their ids (KIP-848). */
const BY_TOPIC_ID = 10;
/** From this version of OffsetFetch on several groups are asked about (KIP-699). */
const BY_GROUPS = 8;
/** From this version of OffsetFetch on it can wait for transactions over the offsets (KIP-447). */
const STABLE = 7;
/** This version means ZooKeeper. */
const IN_ZOOKEEPER = 0;

/** What a request asks, whoever is asked. */
interface Question<A extends Api> {
  readonly api: A;
  readonly body: (version: number) => Request<A>;
  readonly take: (answer: Response<A>) => void;
}

/** The offsets of one group in one topic. */
export class GroupOffsets {
  readonly #cluster: Cluster;
  readonly #group: string;
  readonly #topic: string;
  readonly #keeper: OffsetsKeeper;

  /** Nothing is asked before somebody wants to know. */
  constructor(cluster: Cluster, group: string, topic: string, keeper: OffsetsKeeper) {
    this.#cluster = cluster;
    this.#group = group;
    this.#topic = topic;
    this.#keeper = keeper;
  }

  /**
   * What is committed for the partitions, without those that have nothing. Tries again until it goes well, the signal aborts, or a
   * broker says what does not heal.
   */
  async fetch(partitions: readonly number[], signal: AbortSignal): Promise<Map<number, CommittedOffset>> {
    const found = new Map<number, CommittedOffset>();
    if (partitions.length === 0) return found;
    await this.#ask({
      api: offsetFetch,
      body: (version) => this.#fetchBody(partitions, version),
      take: (answer) => this.#takeFetched(answer, partitions, found),
    }, signal);
    return found;
  }

  /**
   * Stores offsets, again until all are stored, the signal aborts, or a broker says what does not heal. `stored` is told of each
   * partition as soon as it is; the others are not, or not for certain.
   */
  async commit(
    offsets: ReadonlyMap<number, CommittedOffset>,
    stored: (partition: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const left = new Map(offsets);
    await this.#ask({
      api: offsetCommit,
      body: (version) => this.#commitBody(left, version),
      take: ({ topics }) => {
        const answers = new Map(this.#own(topics).map((one) => [one.partitionIndex, one.errorCode]));
        let failure: KafkaError | undefined;
        for (const partition of [...left.keys()]) {
          const errorCode = answers.get(partition);
          if (errorCode === errorNumbers.NONE) {
            left.delete(partition);
            stored(partition);
            continue;
          }
          const error = errorCode === undefined
            ? this.#unanswered("OffsetCommit", partition)
            : this.#errorOf(errorCode, partition);
          if (!failure || !error.retriable) failure = error;
        }
        if (failure) throw failure;
      },
    }, signal);
  }

  #fetchBody(partitionIndexes: readonly number[], version: number): Request<typeof offsetFetch> {
    const groupId = this.#group;
    if (version < BY_GROUPS) {
      const topics = [{ name: this.#topic, partitionIndexes }];
      return { groupId, topics, ...(version >= STABLE && { requireStable: true }) };
    }
    return { groups: [{ groupId, topics: [{ ...this.#named(), partitionIndexes }] }], requireStable: true };
  }

  #takeFetched(
    answer: Response<typeof offsetFetch>,
    partitions: readonly number[],
    found: Map<number, CommittedOffset>,
  ): void {
    const group = answer.groups.find(({ groupId }) => groupId === this.#group) ?? answer;
    if (group.errorCode !== errorNumbers.NONE) throw this.#errorOf(group.errorCode);
    const answers = new Map(this.#own(group.topics ?? []).map((one) => [one.partitionIndex, one]));
    for (const partition of partitions) {
      const one = answers.get(partition);
      if (!one) throw this.#unanswered("OffsetFetch", partition);
      const { errorCode, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata } = one;
      // Where ZooKeeper has no such node, brokers say that they do not know the partition.
      const isNone = this.#keeper === "zookeeper" && errorCode === errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
      if (errorCode !== errorNumbers.NONE && !isNone) throw this.#errorOf(errorCode, partition);
      if (offset > Number.MAX_SAFE_INTEGER) {
        const detail = `The coordinator of ${this.#group} says that ${offset} is an offset`;
        throw new KafkaError("PROTOCOL_ERROR", detail, { topic: this.#topic, partition });
      }
      if (offset >= 0 && !isNone) found.set(partition, { offset, leaderEpoch, metadata: metadata ?? "" });
    }
  }

  /** Who is no member of a group commits without a generation and a member's id. */
  #commitBody(offsets: ReadonlyMap<number, CommittedOffset>, version: number): Request<typeof offsetCommit> {
    const partitions = [...offsets].map(([partitionIndex, { offset, leaderEpoch, metadata }]) => ({
      partitionIndex,
      committedOffset: offset,
      ...(version > IN_ZOOKEEPER && { committedLeaderEpoch: leaderEpoch }),
      committedMetadata: metadata,
    }));
    return { groupId: this.#group, topics: [{ ...this.#named(), partitions }] };
  }

  async #ask<A extends Api>(question: Question<A>, signal: AbortSignal): Promise<void> {
    const { api, body, take } = question;
    const cluster = this.#cluster;
    if (this.#keeper === "kafka") {
      const versionMax = () => this.#id === undefined ? BY_TOPIC_ID - 1 : undefined;
      return await askCoordinator(cluster, { group: this.#group, api, body, versionMax, take }, signal);
    }
    try {
      await cluster.retrying(async () => {
        take(await cluster.request("any", api, body, { signal, versionMax: IN_ZOOKEEPER }));
      }, signal);
    } catch (error) {
      const isLacking = error instanceof KafkaError &&
        (error.code === "UNSUPPORTED_FEATURE" || error.code === "UNSUPPORTED_VERSION");
      if (!isLacking) throw error;
      const detail = "Offsets can be kept in ZooKeeper only by brokers that ZooKeeper runs, before Kafka 4.0";
      throw new KafkaError("UNSUPPORTED_FEATURE", detail, { topic: this.#topic, cause: error });
    }
  }

  get #id(): string | undefined {
    return this.#cluster.snapshot.topics.get(this.#topic)?.id;
  }

  #named() {
    const topicId = this.#id;
    return { name: this.#topic, ...(topicId !== undefined && { topicId }) };
  }

  /** What an answer says of our topic. */
  #own<P>(topics: readonly { name: string; topicId?: string; partitions: readonly P[] }[]): readonly P[] {
    const id = this.#id;
    const own = topics.filter(({ name, topicId }) => name === this.#topic || (id !== undefined && topicId === id));
    return own.flatMap(({ partitions }) => partitions);
  }

  #errorOf(errorCode: number, partition?: number): KafkaError {
    const isMember = errorCode === errorNumbers.UNKNOWN_MEMBER_ID || errorCode === errorNumbers.ILLEGAL_GENERATION;
    const detail = `the group ${this.#group}${isMember ? " has members, and only they may commit" : ""}`;
    return KafkaError.ofBroker(errorCode, detail, { topic: this.#topic, partition });
  }

  #unanswered(what: string, partition: number): KafkaError {
    const topic = this.#topic;
    return new KafkaError("PROTOCOL_ERROR", `An answer to ${what} leaves out ${topic}/${partition}`, {
      topic,
      partition,
    });
  }
}
