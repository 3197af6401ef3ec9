/** How the brokers of an embedded cluster talk to one another, and to the controller: at once, or late, or not for now. */

import type { Timer, World } from "../base/world.ts";

/** Who can be told something. One that starts again is another. */
export interface Peer {
  /** A broker's id; 0 is the controller. */
  readonly id: number;
  /** Whose time it takes: a frozen process hears late, a dead one never. */
  readonly world: World;
}

/** The controller's id on the bus. */
export const CONTROLLER = 0;

/** What is said: "copy" is a leader's log on its way to a follower, "picture" how the cluster stands. */
export type What = "copy" | "word" | "picture";

/** How long something takes from one to the other, in ms; undefined if it is there before anything else happens. */
export type Delay = (from: number, to: number, what: What) => number | undefined;

interface Stuck {
  readonly from: number;
  readonly to: Peer;
  readonly what: What;
  readonly act: () => void;
}

/** All the lines between brokers. What is said to one that is held or cut off waits for the end of that; nothing is lost. */
export class Bus {
  readonly #delay: Delay;
  readonly #timers = new Map<Peer, Set<Timer>>();
  readonly #held = new Map<number, number>();
  readonly #cutOff = new Map<number, number>();
  #stuck: Stuck[] = [];

  constructor(delay: Delay) {
    this.#delay = delay;
  }

  /** Somebody is there. */
  join(peer: Peer): void {
    this.#timers.set(peer, new Set());
  }

  /** Whether somebody is there. */
  isThere(peer: Peer): boolean {
    return this.#timers.has(peer);
  }

  /** Somebody is not there any more: what is on its way to it is lost. */
  leave(peer: Peer): void {
    for (const timer of this.#timers.get(peer) ?? []) timer.cancel();
    this.#timers.delete(peer);
    this.#stuck = this.#stuck.filter(({ to }) => to !== peer);
  }

  /** Has `act` happen at `to`. */
  post(from: number, to: Peer, what: What, act: () => void): void {
    if (!this.#timers.has(to)) return;
    if (this.#isStuck(from, to.id, what)) {
      this.#stuck.push({ from, to, what, act });
      return;
    }
    const ms = this.#delay(from, to.id, what);
    if (ms === undefined) act();
    else this.later(to, ms, act);
  }

  /** Has `act` happen at `peer` after a while, unless it is gone by then. */
  later(peer: Peer, ms: number, act: () => void): void {
    const timers = this.#timers.get(peer);
    if (!timers) return;
    const timer = peer.world.timer(ms, () => {
      timers.delete(timer);
      act();
    });
    timers.add(timer);
  }

  /** Lets a follower copy nothing from now on. Gives what ends that. */
  hold(id: number): () => void {
    return this.#block(this.#held, id);
  }

  /** Lets a broker say nothing to others, and hear nothing of them, from now on. Gives what ends that. */
  cutOff(id: number): () => void {
    return this.#block(this.#cutOff, id);
  }

  /** Whether a broker is cut off. */
  isCutOff(id: number): boolean {
    return this.#cutOff.has(id);
  }

  #block(blocked: Map<number, number>, id: number): () => void {
    blocked.set(id, (blocked.get(id) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = blocked.get(id)! - 1;
      if (left > 0) blocked.set(id, left);
      else blocked.delete(id);
      const stuck = this.#stuck;
      this.#stuck = [];
      for (const { from, to, what, act } of stuck) this.post(from, to, what, act);
    };
  }

  #isStuck(from: number, to: number, what: What): boolean {
    if (from === to) return false;
    return this.#cutOff.has(from) || this.#cutOff.has(to) || (what === "copy" && this.#held.has(to));
  }
}
