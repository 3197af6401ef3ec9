/** Replication, as one broker does it: what it hears of the cluster, what it copies from leaders, and what it hands to followers. */

import type { World } from "../base/world.ts";
import { type Bus, CONTROLLER, type Peer } from "./bus.ts";
import type { Controller } from "./controller.ts";
import { Log } from "./log.ts";
import { type Asked, nothingKnown, type PartitionState, type Picture, refusal, type TopicState } from "./picture.ts";
import { type CopyAnswer, type CopyRequest, Replica } from "./replica.ts";

/** What a broker has on its disk: it is there again when it starts again. */
export type Disk = Map<string, Log>;

/** What a replicator is made of. */
export interface ReplicatorParts {
  /** Its broker's id. */
  readonly id: number;
  /** Its broker's time. */
  readonly world: World;
  /** Its broker's logs. */
  readonly disk: Disk;
  /** How it talks to the others. */
  readonly bus: Bus;
  /** Who decides. */
  readonly controller: Controller;
  /** The others that run now, by id. */
  readonly others: ReadonlyMap<number, Replicator>;
  /** After so many ms without having caught up a follower is not in sync any more (`replica.lag.time.max.ms`). */
  readonly lagMs: number;
}

/** A follower's request, and who made it. */
interface Asking {
  readonly key: string;
  readonly request: CopyRequest;
  readonly follower: Replicator;
  readonly nth: number;
}

/** A replica and its dealings with the others. */
interface Copying {
  readonly replica: Replica;
  readonly key: string;
  /** As the leader: followers that have all, and wait for more. */
  readonly parked: Map<number, Asking>;
  /** As a follower: which of its requests it waits for. */
  asking: number;
  /** As the leader: which high watermark the others have been told. */
  told: number;
  /** As the leader: whether the controller is asked for another set of replicas in sync. */
  isAltering: boolean;
}

/** One life of a broker's replication. It has no timer where nobody is behind. */
export class Replicator implements Peer {
  readonly id: number;
  readonly world: World;
  /** Called when something has happened that a waiting request may want to know. */
  onNews: () => void = () => {};
  readonly #disk: Disk;
  readonly #bus: Bus;
  readonly #controller: Controller;
  readonly #others: ReadonlyMap<number, Replicator>;
  readonly #lagMs: number;
  readonly #copyings = new Map<string, Copying>();
  /** Topics as they were when they were looked at last, by id: what has not changed is not looked at again. */
  readonly #seen = new Map<string, TopicState>();
  /** Requests of followers that know more of the cluster than this broker does. */
  readonly #early = new Map<string, Asking>();
  #picture = nothingKnown;
  /** The brokers as they were when it was looked for who could be in sync again. */
  #nodes = nothingKnown.nodes;
  #asked = 0;
  #isWatching = false;

  constructor({ id, world, disk, bus, controller, others, lagMs }: ReplicatorParts) {
    this.id = id;
    this.world = world;
    this.#disk = disk;
    this.#bus = bus;
    this.#controller = controller;
    this.#others = others;
    this.#lagMs = lagMs;
  }

  /** What this broker believes of the cluster. */
  get picture(): Picture {
    return this.#picture;
  }

  /** This broker's replica, if it may be asked for it, by what it knows; else the error. */
  locate(topic: TopicState | undefined, index: number, asked: Omit<Asked, "broker"> = {}): Replica | number {
    const error = refusal(topic?.partitions[index], { ...asked, broker: this.id });
    return error ?? this.#copyings.get(keyOf(topic!.id, index))!.replica;
  }

  /** It hears how the cluster stands. */
  see(picture: Picture): void {
    const before = this.#picture;
    if (before === picture) return;
    this.#picture = picture;
    if (before === nothingKnown) this.#clean(this.#disk.keys());
    this.#clean(this.#copyings.keys());
    for (const topic of picture.byId.values()) {
      if (this.#seen.get(topic.id) === topic) continue;
      this.#seen.set(topic.id, topic);
      for (const state of topic.partitions) {
        if (state.replicas.includes(this.id)) this.#learn(topic, state);
        // What was learnt may have changed the cluster, and this broker have heard of that already.
        if (this.#picture !== picture) return;
      }
    }
    if (this.#nodes !== picture.nodes) {
      this.#nodes = picture.nodes;
      for (const copying of this.#copyings.values()) this.#takeBack(copying);
    }
    this.onNews();
  }

  /** As a leader: drops what is before `offset`. */
  deleteBefore(topicId: string, index: number, offset: number): void {
    const copying = this.#copyings.get(keyOf(topicId, index));
    if (!copying) return;
    copying.replica.log.deleteBefore(offset);
    this.#answerParked(copying);
    this.onNews();
  }

  /** Forgets what is of topics that are gone. */
  #clean(keys: Iterable<string>): void {
    for (const key of [...keys]) {
      const topicId = key.slice(0, key.indexOf("/"));
      if (this.#picture.byId.has(topicId)) continue;
      this.#copyings.delete(key);
      this.#disk.delete(key);
      this.#seen.delete(topicId);
    }
  }

  #learn(topic: TopicState, state: PartitionState): void {
    const copying = this.#copyingOf(topic, state.index);
    const { replica } = copying;
    const change = replica.learn(state, this.world.now());
    if (change === "role") {
      copying.parked.clear();
      copying.asking = 0;
      copying.isAltering = false;
      copying.told = replica.log.highWatermark;
      if (replica.isLeader) this.#hearEarly(copying);
      else this.#ask(copying);
    }
    if (change !== "nothing") {
      this.#settle(copying);
      this.#takeBack(copying);
    }
  }

  #copyingOf(topic: TopicState, index: number): Copying {
    const key = keyOf(topic.id, index);
    const known = this.#copyings.get(key);
    if (known) return known;
    const log = this.#disk.get(key) ?? new Log();
    log.reopen();
    this.#disk.set(key, log);
    const replica = new Replica(topic.name, topic.id, this.id, log);
    const copying = { replica, key, parked: new Map(), asking: 0, told: 0, isAltering: false };
    log.onAppend = (baseOffset) => this.#appended(copying, baseOffset);
    this.#copyings.set(key, copying);
    return copying;
  }

  #appended(copying: Copying, baseOffset: number): void {
    const { replica } = copying;
    if (!replica.isLeader) return;
    replica.appended(baseOffset, this.world.now());
    this.#settle(copying);
    this.#answerParked(copying);
    if (replica.behindSince < Infinity) this.#watch(this.#lagMs);
  }

  #answerParked({ parked }: Copying): void {
    const all = [...parked.values()];
    parked.clear();
    for (const asking of all) this.#answer(asking);
  }

  /** Asks the leader for what comes next. */
  #ask(copying: Copying): void {
    const { replica, key } = copying;
    const { log, leader, leaderEpoch } = replica;
    const other = this.#others.get(leader);
    if (!other || other === this) return;
    const nth = copying.asking = ++this.#asked;
    const { startOffset: start, endOffset: end, lastEpoch, highWatermark } = log;
    const request = { from: this.id, epoch: leaderEpoch, start, end, lastEpoch, highWatermark };
    this.#bus.post(this.id, other, "word", () => other.#answer({ key, request, follower: this, nth }));
  }

  /** As a leader: answers a follower, or lets it wait where there is nothing to say. */
  #answer(asking: Asking): void {
    const { key, request, follower, nth } = asking;
    // A word of its last life, heard only now, would take the place of what its new life has asked.
    if (this.#others.get(follower.id) !== follower) return;
    const copying = this.#copyings.get(key);
    if (!copying || copying.replica.leaderEpoch < request.epoch) {
      this.#early.set(`${key} ${follower.id}`, asking);
      return;
    }
    const { replica, parked } = copying;
    if (!replica.isLeader || replica.leaderEpoch > request.epoch) return;
    const answer = replica.asked(request, this.world.now());
    this.#settle(copying);
    if (answer) this.#bus.post(this.id, follower, "copy", () => follower.#take(key, request.epoch, nth, answer));
    else parked.set(follower.id, asking);
    this.#takeBack(copying);
  }

  #hearEarly({ key }: Copying): void {
    for (const [place, asking] of [...this.#early]) {
      if (asking.key !== key) continue;
      this.#early.delete(place);
      this.#answer(asking);
    }
  }

  #take(key: string, epoch: number, nth: number, answer: CopyAnswer): void {
    const copying = this.#copyings.get(key);
    if (!copying || copying.asking !== nth || copying.replica.leaderEpoch !== epoch) return;
    copying.replica.took(answer, this.world.wall());
    this.#ask(copying);
    this.onNews();
  }

  /** As a leader: if more is committed than before, tells those who wait for it. */
  #settle(copying: Copying): void {
    const { replica, key, parked } = copying;
    const { highWatermark } = replica.log;
    if (!replica.isLeader || highWatermark <= copying.told) return;
    copying.told = highWatermark;
    for (const { follower } of [...parked.values()]) {
      this.#bus.post(this.id, follower, "copy", () => follower.#hearCommitted(key, replica.leaderEpoch, highWatermark));
    }
    this.onNews();
  }

  #hearCommitted(key: string, epoch: number, highWatermark: number): void {
    const replica = this.#copyings.get(key)?.replica;
    if (!replica || replica.isLeader || replica.leaderEpoch !== epoch) return;
    replica.log.commit(highWatermark);
    this.onNews();
  }

  /** As a leader: looks again after a while whether somebody has fallen behind. */
  #watch(ms: number): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#bus.later(this, ms, () => {
      this.#isWatching = false;
      this.#leaveBehind();
    });
  }

  #leaveBehind(): void {
    const now = this.world.now();
    let since = Infinity;
    for (const copying of this.#copyings.values()) {
      const { replica } = copying;
      if (!replica.isLeader) continue;
      const late = replica.laggardsSince(now - this.#lagMs);
      if (late.length > 0) this.#alter(copying, replica.isr.filter((id) => !late.includes(id)), []);
      since = Math.min(since, replica.behindSince);
    }
    if (since < Infinity) this.#watch(Math.max(since + this.#lagMs - now, this.#lagMs / 2));
  }

  /** As a leader: takes back among those in sync who has caught up. */
  #takeBack(copying: Copying): void {
    const { replica } = copying;
    if (!replica.isLeader) return;
    const back = replica.returned((id) => this.#picture.nodes.get(id)?.alive === true);
    if (back.length > 0) this.#alter(copying, [...replica.isr, ...back], back);
  }

  /** As a leader: asks the controller for another set of replicas in sync; one at a time. */
  #alter(copying: Copying, isr: readonly number[], joining: readonly number[]): void {
    const { replica } = copying;
    if (copying.isAltering) return;
    copying.isAltering = true;
    replica.joining = joining;
    const { topicId, index, leaderEpoch, version } = replica;
    this.#bus.post(this.id, this.#controller, "word", () => {
      const state = this.#controller.alterIsr(this, { topicId, index, leaderEpoch, version, isr });
      this.#bus.post(CONTROLLER, this, "word", () => {
        if (replica.leaderEpoch !== leaderEpoch) return;
        copying.isAltering = false;
        if (state) replica.learn(state, this.world.now());
        replica.joining = [];
        replica.raise();
        this.#settle(copying);
        // Refused as it stood, it would be again; what is to come changes that.
        if (replica.version !== version) this.#takeBack(copying);
      });
    });
  }
}

/** How a partition is called on disk. */
export function keyOf(topicId: string, index: number): string {
  return `${topicId}/${index}`;
}
