/** When to look again: metadata that is kept fresh in the background, never fetched by two at a time. */

import { Gate } from "../base/async.ts";
import type { Timer, World } from "../base/world.ts";
import { Backoff, type BackoffSettings, isRetriable } from "./retry.ts";

/** What keeping fresh needs to know. */
export interface FreshnessSettings extends BackoffSettings {
  readonly world: World;
  /** Milliseconds after which metadata is fetched anew. */
  readonly metadataMaxAgeMs: number;
}

/** Keeps the metadata of what is in use fresh. */
export class Freshness {
  readonly #settings: FreshnessSettings;
  readonly #signal: AbortSignal;
  readonly #wake: Gate;
  readonly #inUse = new Map<string, number>();
  #stale = false;
  #ageTimer: Timer | undefined;

  /** Ends with the signal. */
  constructor(settings: FreshnessSettings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
    this.#wake = new Gate(settings.world, "a reason to fetch metadata");
  }

  /** Somebody was told that what we know is out of date: it is fetched soon. */
  lookAgain(): void {
    this.#stale = true;
    this.#wake.open();
  }

  /** Metadata has just come, of whatever: its age counts from now. */
  fetched(): void {
    this.#ageTimer?.cancel();
    if (this.#signal.aborted) return;
    this.#ageTimer = this.#settings.world.timer(this.#settings.metadataMaxAgeMs, () => this.lookAgain());
  }

  /** The topic is kept up to date from now on, until it is let go as often. */
  use(topic: string): void {
    this.#inUse.set(topic, (this.#inUse.get(topic) ?? 0) + 1);
  }

  /** The opposite of `use`. */
  letGo(topic: string): void {
    const count = this.#inUse.get(topic) ?? 0;
    if (count > 1) this.#inUse.set(topic, count - 1);
    else this.#inUse.delete(topic);
  }

  /** Whether somebody uses it. */
  isInUse(topic: string): boolean {
    return this.#inUse.has(topic);
  }

  /** Lets go of its timer. */
  end(): void {
    this.#ageTimer?.cancel();
  }

  /** Fetches whenever somebody asks, never twice at a time; when it is asked for again and again, with backoff. Ends with the signal. */
  async keep(fetch: (topics: readonly string[]) => Promise<unknown>): Promise<void> {
    const { world, backoffMsMax } = this.#settings;
    const signal = this.#signal;
    const backoff = new Backoff(world, this.#settings);
    let lastAt = -Infinity;
    try {
      for (;;) {
        while (!this.#stale) await this.#wake.wait(signal);
        if (world.now() - lastAt > backoffMsMax) backoff.reset();
        this.#stale = false;
        try {
          await fetch([...this.#inUse.keys()]);
        } catch (error) {
          // Nothing but time heals the others; if somebody asks meanwhile, that counts.
          if (isRetriable(error)) this.#stale = true;
          else this.fetched();
        }
        await world.sleep(backoff.nextMs(), signal);
        lastAt = world.now();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
