/** A broker that wants to hear nothing for a while (KIP-219), and who waits until it does again. */

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

/** The silence on one connection. */
export class Quiet {
  readonly #world: World;
  #parked: Parked[] = [];
  #until = 0;
  #timer: Timer | undefined;

  /** None yet. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Whether there is one now. */
  get isOn(): boolean {
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
    this.#timer = this.#world.timer(until - this.#world.now(), () => this.#release());
  }

  /** Puts somebody in the line; `start` is called in its turn, and what it throws fails the request. */
  park(request: Parked["request"], start: () => void): void {
    this.#parked.push({ request, start });
  }

  /** Resolves in its turn. */
  over(signal: AbortSignal | undefined): Promise<void> {
    const wait = this.#world.deferred<void>("the end of a broker's throttling");
    this.park({ orphaned: false, failed: wait.reject }, wait.resolve);
    return abortable(this.#world, "the end of a broker's throttling", wait.promise, signal);
  }

  /** There is no connection any more: who waits fails. */
  end(error: unknown): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { request } of this.#parked.splice(0)) if (!request.orphaned) request.failed(error);
  }

  #release(): void {
    this.#timer = undefined;
    const parked = this.#parked;
    this.#parked = [];
    for (const { request, start } of parked) {
      if (request.orphaned) continue;
      try {
        start();
      } catch (error) {
        request.failed(error);
      }
    }
  }
}
