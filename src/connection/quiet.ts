/** When nothing is sent: a broker wants to hear nothing for a while (KIP-219), or is told who we are anew; and who waits meanwhile. */

import { abortable } from "../base/async.ts";
import type { Timer, World } from "../base/world.ts";
import type { InFlight } from "./pipeline.ts";

/**
 * The longest silence that is kept, in milliseconds. A broker's quota window is 11 s if nobody set it otherwise, and it never asks
 * for more than that; one that asks for an hour is not believed. It reads nothing before it wants to: so nothing is broken then.
 */
export const QUIET_MS_MAX = 60_000;

interface Parked {
  /** Who waits; if it is orphaned meanwhile, it is left out. */
  readonly request: Pick<InFlight, "orphaned" | "failed">;
  readonly start: () => void;
}

/** The silence on one connection, and the line of those who wait for its end. */
export class Quiet {
  /** Called when a broker's silence is over, before anybody's turn comes. */
  before: () => void = () => {};
  readonly #world: World;
  #parked: Parked[] = [];
  #until = 0;
  #timer: Timer | undefined;
  #isHeld = false;
  /** Who waits for the broker alone. */
  #first: (() => void)[] = [];

  /** None yet. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Whether who comes has to wait. */
  get isOn(): boolean {
    return this.#isHeld || this.isWanted;
  }

  /** Whether the broker wants to hear nothing. */
  get isWanted(): boolean {
    return this.#timer !== undefined;
  }

  /** How many wait for its end. */
  get waiting(): number {
    return this.#parked.length;
  }

  /** Keeps quiet for so long from now on; a silence that lasts longer goes on. */
  keep(ms: number): void {
    const until = this.#world.now() + Math.min(ms, QUIET_MS_MAX);
    if (until <= this.#until) return;
    this.#until = until;
    this.#timer?.cancel();
    this.#timer = this.#world.timer(until - this.#world.now(), () => this.#broken());
  }

  /** Lets nobody go until what it gives is called. */
  hold(): () => void {
    this.#isHeld = true;
    return () => {
      this.#isHeld = false;
      this.#release();
    };
  }

  /** Puts somebody in the line; `start` is called in its turn, and what it throws fails the request. */
  park(request: Parked["request"], start: () => void): void {
    this.#parked.push({ request, start });
  }

  /** Resolves in its turn. */
  over(signal: AbortSignal | undefined): Promise<void> {
    const wait = this.#world.deferred<void>("a turn to be sent");
    this.park({ orphaned: false, failed: wait.reject }, wait.resolve);
    return abortable(this.#world, "a turn to be sent", wait.promise, signal);
  }

  /** Resolves when the broker wants to hear something, before anybody else's turn comes. */
  wanted(signal: AbortSignal): Promise<void> {
    if (!this.isWanted) return Promise.resolve();
    const wait = this.#world.deferred<void>("the end of a broker's throttling");
    this.#first.push(wait.resolve);
    return abortable(this.#world, "the end of a broker's throttling", wait.promise, signal);
  }

  /** There is no connection any more: who waits fails. */
  end(error: unknown): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { request } of this.#parked.splice(0)) if (!request.orphaned) request.failed(error);
  }

  #broken(): void {
    this.#timer = undefined;
    for (const tell of this.#first.splice(0)) tell();
    this.before();
    this.#release();
  }

  #release(): void {
    while (!this.isOn) {
      const next = this.#parked.shift();
      if (!next) return;
      if (next.request.orphaned) continue;
      try {
        next.start();
      } catch (error) {
        next.request.failed(error);
      }
    }
  }
}
