/** When to try again: by doubling, with jitter, so that many clients do not come back at once. */

import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";

/** How long to wait between tries, in milliseconds. */
export interface BackoffSettings {
  /** Before the second try. */
  readonly backoffMs: number;
  /** At most. */
  readonly backoffMsMax: number;
}

/** How far a delay may be off, either way (KIP-580). */
const JITTER = 0.2;

/** Milliseconds to wait after the failure of that number, from 1: twice as long each time, up to the longest, ± 20 %. */
export function delayMs(world: World, { backoffMs, backoffMsMax }: BackoffSettings, failure: number): number {
  let ms = backoffMs;
  for (let i = 1; i < failure && ms < backoffMsMax; i++) ms *= 2;
  return Math.min(ms, backoffMsMax) * (1 + JITTER * (2 * world.random() - 1));
}

/** The delays of one thing that fails again and again. */
export class Backoff {
  readonly #world: World;
  readonly #settings: BackoffSettings;
  #failures = 0;

  /** Starts with the shortest delay. */
  constructor(world: World, settings: BackoffSettings) {
    this.#world = world;
    this.#settings = settings;
  }

  /** The next delay in milliseconds. */
  nextMs(): number {
    return delayMs(this.#world, this.#settings, ++this.#failures);
  }

  /** It went well: the next failure starts with the shortest delay again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Whether the same may go well later. */
export function isRetriable(error: unknown): error is KafkaError {
  return error instanceof KafkaError && error.retriable;
}
