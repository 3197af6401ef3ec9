/** What a consumer with a group says of its places: what it commits and when, what is committed, and how far it is behind. */

import { abortable } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import { brief } from "../base/options.ts";
import type { ClientParts } from "../cluster/parts.ts";
import { Message } from "../records/message.ts";
import { Batch } from "./batch.ts";
import { type Commit, Committer } from "./committer.ts";
import type { Cursor } from "./cursor.ts";
import { type CommittedOffset, GroupOffsets, type OffsetsKeeper } from "./group_offsets.ts";
import type { Partitions } from "./partitions.ts";

/** What to commit: up to a message or a batch in its partition, or the next offset of each partition named. */
export type CommitTarget = Message | Batch | Iterable<readonly [partition: number, offset: number]>;

/** How to commit. */
export interface CommitOptions {
  /** A text to be stored beside the offsets, up to 4,096 bytes as brokers are set up; that of the option `commitMetadata` if not said. */
  readonly metadata?: string | undefined;
  /** Ends the wait with its reason; what is under way may be stored all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** What it works with. */
export interface CommittingParts extends Pick<ClientParts, "world" | "cluster"> {
  readonly topic: string;
  readonly group: string;
  readonly keeper: OffsetsKeeper;
  readonly metadata: string;
  readonly autoCommitMs: number;
  readonly partitions: Partitions;
}

/** What the loop has in hand. */
export interface Hand {
  readonly cursor: Cursor;
  /** The next offset once it is finished. */
  readonly next: number;
}

/**
 * Brokers forget an offset that was not committed for a while (`offsets.retention.minutes`, in old releases a day), even if the
 * partition is read and only nothing comes: so what has not changed is committed again after so long.
 */
const RENEW_MS = 600_000;

/** The commits of a consumer with a group. */
export class Committing {
  readonly #parts: CommittingParts;
  readonly #offsets: GroupOffsets;
  readonly #committer: Committer;
  readonly #given = new AbortController();
  #renewedAt: number;

  /** Commits nothing before it is told to. */
  constructor(parts: CommittingParts) {
    this.#parts = parts;
    const { world, cluster, topic, group, keeper } = parts;
    this.#renewedAt = world.now();
    this.#offsets = new GroupOffsets(cluster, group, topic, keeper);
    this.#committer = new Committer({
      world,
      group,
      offsets: this.#offsets,
      deadline: (work) =>
        cluster.deadline(`Committing offsets of the group ${group}`, this.#given.signal, work, { topic }),
    });
  }

  /** What is committed for these cursors; waits as long as it takes. */
  async resume(cursors: readonly Cursor[], signal: AbortSignal): Promise<Map<number, CommittedOffset>> {
    const found = await this.#offsets.fetch(cursors.map(({ partition }) => partition), signal);
    for (const { partition, generation } of cursors) {
      const committed = found.get(partition);
      if (committed) this.#committer.knows(partition, { ...committed, generation });
    }
    return found;
  }

  /** Commits what is finished, time and again; what does not heal is told, the rest is tried again the next time. */
  async auto(signal: AbortSignal, failed: (error: unknown) => void): Promise<void> {
    const { world, autoCommitMs } = this.#parts;
    for (;;) {
      try {
        await world.sleep(autoCommitMs, signal);
      } catch {
        return; // closed
      }
      const isRenewing = world.now() - this.#renewedAt >= RENEW_MS;
      if (isRenewing) this.#renewedAt = world.now();
      try {
        await this.finished(isRenewing);
      } catch (error) {
        if (signal.aborted) return; // closing commits once more, and tells
        if (!(error instanceof KafkaError && error.retriable)) failed(error);
      }
    }
  }

  /** Commits what is finished, if that is news or `isRenewing`. A place where `reset` has put it counts only once something was read there. */
  finished(isRenewing = false): Promise<void> {
    const commits = new Map<number, Commit>();
    for (const cursor of this.#parts.partitions.all) {
      const { position, partition, generation, wasReset } = cursor;
      if (position === undefined || wasReset) continue;
      const isNews = this.#committer.isNews(partition, { offset: position, generation });
      const commit = isNews ? this.#commit(cursor, position, this.#parts.metadata) : this.#committer.last(partition)!;
      if (isNews || isRenewing) commits.set(partition, commit);
    }
    return this.#committer.commit(commits, isRenewing);
  }

  /** Commits all that is finished with what is in hand, or what is named. */
  async commit(
    target: CommitTarget | undefined,
    hand: Hand | undefined,
    { metadata = this.#parts.metadata, signal }: CommitOptions,
  ): Promise<void> {
    signal?.throwIfAborted();
    const { world, partitions, group } = this.#parts;
    const commits = new Map<number, Commit>();
    const isExact = target !== undefined && !(target instanceof Message) && !(target instanceof Batch);
    if (isExact) this.#takePairs(target, metadata, commits);
    else if (target !== undefined) {
      const { cursor, next } = this.#placeOf(target);
      commits.set(cursor.partition, this.#commit(cursor, next, metadata));
    } else {
      for (const cursor of partitions.all) {
        const next = hand?.cursor === cursor ? hand.next : cursor.position;
        if (next !== undefined) commits.set(cursor.partition, this.#commit(cursor, next, metadata));
      }
    }
    const committed = this.#committer.commit(commits, isExact);
    await abortable(world, `commit of the group ${group}`, committed, signal);
  }

  /** What is committed for the partitions, without those that have nothing. */
  committed(partitions: readonly number[], signal: AbortSignal): Promise<Map<number, CommittedOffset>> {
    return this.#offsets.fetch(partitions, signal);
  }

  /** Lets commits end; then commits what is finished if `isAuto`. A signal gives them up. */
  async close(isAuto: boolean, signal: AbortSignal | undefined): Promise<void> {
    const giveUp = () => this.#given.abort(signal!.reason);
    if (signal?.aborted) giveUp();
    else signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await this.#committer.settled();
      if (isAuto) await this.finished();
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #commit(cursor: Cursor, offset: number, metadata: string): Commit {
    return { offset, leaderEpoch: cursor.epochBefore(offset), metadata, generation: cursor.generation };
  }

  /** A message or a batch of one of our partitions, and the offset behind it. */
  #placeOf(target: Message | Batch): { cursor: Cursor; next: number } {
    const { topic, partition } = target;
    if (topic !== this.#parts.topic) {
      throw new KafkaError("INVALID_OPTION", `commit: this consumer reads ${this.#parts.topic}, not ${topic}`);
    }
    const last = target instanceof Message ? target.offset : target.lastOffset;
    return { cursor: this.#parts.partitions.of(partition), next: last + 1 };
  }

  #takePairs(
    pairs: Iterable<readonly [partition: number, offset: number]>,
    metadata: string,
    commits: Map<number, Commit>,
  ): void {
    const { cluster, topic, partitions } = this.#parts;
    const count = cluster.snapshot.topics.get(topic)?.partitions.length ?? Infinity;
    for (const [partition, offset] of pairs) {
      if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
        throw new KafkaError("INVALID_OPTION", `commit: ${topic} has no partition ${brief(partition)}`);
      }
      if (!Number.isSafeInteger(offset) || offset < 0) {
        throw new KafkaError("INVALID_OPTION", `commit: ${brief(offset)} is no offset`);
      }
      const cursor = partitions.all.find((cursor) => cursor.partition === partition);
      commits.set(partition, {
        offset,
        leaderEpoch: cursor?.position === offset ? cursor.epochBefore(offset) : -1,
        metadata,
        generation: cursor?.generation ?? 0,
      });
    }
  }
}
