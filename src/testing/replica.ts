/** One broker's copy of a partition: as its leader it counts who has what, as a follower it takes over what the leader has. */

import type { EpochEnd } from "./leader_epochs.ts";
import type { Log, Stored } from "./log.ts";
import type { PartitionState } from "./picture.ts";

/** What a follower asks its leader. */
export interface CopyRequest {
  /** Who asks. */
  readonly from: number;
  /** Which leader it follows. */
  readonly epoch: number;
  /** Where its log begins. */
  readonly start: number;
  /** Where its log ends. */
  readonly end: number;
  /** Up to where it knows it to be committed. */
  readonly highWatermark: number;
  /** Under which leader its last record was written. */
  readonly lastEpoch: number;
}

/** What a leader answers a follower. */
export interface CopyAnswer {
  /** Where the two logs have parted, at the latest; then nothing else counts. */
  readonly parted?: EpochEnd | undefined;
  /** What the follower lacks. */
  readonly stored: readonly Stored[];
  /** Where the leader's log begins. */
  readonly startOffset: number;
  /** Where it ends. */
  readonly endOffset: number;
  /** Up to where it is committed. */
  readonly highWatermark: number;
}

/** A follower, as its leader sees it. */
interface Follower {
  /** Where its log ends, by its own word; -1 if it has not said. */
  end: number;
  /** Since when it has been known to be not behind. */
  caughtUpAt: number;
  /** When it asked last, and where the leader's log ended then. */
  askedAt: number;
  endThen: number;
}

/** In which way a replica changed by what it was told. */
export type Change = "nothing" | "detail" | "role";

/**
 * A replica. Pure: time is passed in, and what has to be said to others is its owner's business. `kafka.cluster.Partition` and
 * `Replica` are where its rules are from.
 */
export class Replica {
  /** Its topic's name. */
  readonly topic: string;
  /** Its topic's id. */
  readonly topicId: string;
  /** What it has. */
  readonly log: Log;
  /** Whose it is. */
  readonly broker: number;
  readonly #followers = new Map<number, Follower>();
  /** Who has caught up and is about to be in sync: they count already, so that nothing is committed that they lack (KIP-497). */
  #joining: readonly number[] = [];
  #state: PartitionState | undefined;
  #epochStart = 0;

  /** Before its broker has heard of it. */
  constructor(topic: string, topicId: string, broker: number, log: Log) {
    this.topic = topic;
    this.topicId = topicId;
    this.broker = broker;
    this.log = log;
  }

  /** Its number in the topic. */
  get index(): number {
    return this.#state?.index ?? -1;
  }

  /** Which brokers have the partition. */
  get replicas(): readonly number[] {
    return this.#state?.replicas ?? [];
  }

  /** Who is in sync, as far as this broker knows. */
  get isr(): readonly number[] {
    return this.#state?.isr ?? [];
  }

  /** Who leads, as far as this broker knows. */
  get leader(): number {
    return this.#state?.leader ?? -1;
  }

  /** How often the leader has changed, as far as this broker knows. */
  get leaderEpoch(): number {
    return this.#state?.leaderEpoch ?? -1;
  }

  /** The version of what this broker knows. */
  get version(): number {
    return this.#state?.version ?? -1;
  }

  /** Whether this broker believes that it is the leader. */
  get isLeader(): boolean {
    return this.leader === this.broker;
  }

  /** Whether all that earlier leaders wrote is committed: only then does it know where the committed part ends (KIP-207). */
  get knowsEnd(): boolean {
    return !this.isLeader || this.log.highWatermark >= this.#epochStart;
  }

  /** Its broker has heard of how the partition stands. */
  learn(state: PartitionState, now: number): Change {
    if (state.version <= this.version) return "nothing";
    const isNew = state.leaderEpoch !== this.leaderEpoch;
    this.#state = state;
    this.#joining = this.#joining.filter((id) => !state.isr.includes(id));
    if (!isNew) {
      this.raise();
      return "detail";
    }
    this.#joining = [];
    this.#followers.clear();
    if (!this.isLeader) return "role";
    this.log.beginEpoch(state.leaderEpoch);
    this.#epochStart = this.log.endOffset;
    for (const id of state.replicas) {
      if (id === this.broker) continue;
      this.#followers.set(id, { end: -1, caughtUpAt: now, askedAt: now, endThen: Infinity });
    }
    this.raise();
    return "role";
  }

  /** As the leader: something was appended at `baseOffset`. Who had all until then is behind only from now on. */
  appended(baseOffset: number, now: number): void {
    for (const follower of this.#followers.values()) if (follower.end === baseOffset) follower.caughtUpAt = now;
    this.raise();
  }

  /** Commits what everyone has who is in sync, or about to be. True if that was more than before. */
  raise(): boolean {
    const { log } = this;
    if (!this.isLeader) return false;
    let end = log.endOffset;
    for (const [id, follower] of this.#followers) {
      if (follower.end < end && (this.isr.includes(id) || this.#joining.includes(id))) end = follower.end;
    }
    if (end <= log.highWatermark) return false;
    log.commit(end);
    return true;
  }

  /** As the leader: a follower asks, and by that says what it has. Undefined if it knows all that there is to know. */
  asked({ from, start, end, lastEpoch, highWatermark }: CopyRequest, now: number): CopyAnswer | undefined {
    const { log } = this;
    const { startOffset, endOffset } = log;
    const answer = { stored: [], startOffset, endOffset, highWatermark: log.highWatermark };
    const parted = lastEpoch < 0 ? undefined : log.endOfEpoch(lastEpoch);
    if (parted && end >= startOffset && (parted.epoch < lastEpoch || parted.offset < end)) return { ...answer, parted };
    if (end < startOffset || end > endOffset) return answer;
    const follower = this.#followers.get(from);
    if (follower) {
      if (end >= endOffset) follower.caughtUpAt = now;
      else if (end >= follower.endThen) follower.caughtUpAt = Math.max(follower.caughtUpAt, follower.askedAt);
      follower.end = end;
      follower.askedAt = now;
      follower.endThen = endOffset;
      this.raise();
    }
    if (end === endOffset && start === startOffset && highWatermark === log.highWatermark) return undefined;
    return { ...answer, stored: log.from(end), highWatermark: log.highWatermark };
  }

  /** As a follower: takes over what the leader has. */
  took(answer: CopyAnswer, wall: number): void {
    const { log } = this;
    const { parted, startOffset, endOffset } = answer;
    if (parted) {
      const own = log.endOfEpoch(parted.epoch);
      log.truncateTo(own.offset < 0 ? log.startOffset : Math.min(own.offset, parted.offset));
      return;
    }
    // Its leader has nothing as old any more; or, after an unclean election, nothing as new.
    if (log.endOffset < startOffset || log.startOffset > endOffset) log.restartAt(startOffset);
    else if (log.endOffset > endOffset) log.truncateTo(endOffset);
    for (const stored of answer.stored) {
      if (stored.baseOffset >= log.endOffset) log.copy(stored, wall);
    }
    log.commit(answer.highWatermark);
    if (startOffset > log.startOffset) log.deleteBefore(startOffset);
  }

  /** As the leader: who could be in sync again (`Partition.isFollowerInSync`). */
  returned(alive: (id: number) => boolean): number[] {
    const { highWatermark } = this.log;
    return [...this.#followers].filter(([id, { end }]) =>
      !this.isr.includes(id) && !this.#joining.includes(id) && end >= Math.max(highWatermark, this.#epochStart) &&
      alive(id)
    ).map(([id]) => id);
  }

  /** As the leader: who in sync has not caught up since then (`Partition.isFollowerOutOfSync`). */
  laggardsSince(then: number): number[] {
    return this.#laggards().filter(([, { caughtUpAt }]) => caughtUpAt <= then).map(([id]) => id);
  }

  /** As the leader: since when somebody in sync has not been at the log's end; Infinity if everybody is. */
  get behindSince(): number {
    return this.#laggards().reduce((oldest, [, { caughtUpAt }]) => Math.min(oldest, caughtUpAt), Infinity);
  }

  /** As the leader: these are about to be in sync; an empty list if it came to nothing. */
  set joining(ids: readonly number[]) {
    this.#joining = ids;
  }

  #laggards(): [number, Follower][] {
    const { endOffset } = this.log;
    return [...this.#followers].filter(([id, { end }]) => end !== endOffset && this.isr.includes(id));
  }
}
