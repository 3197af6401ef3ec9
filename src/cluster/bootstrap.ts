/** Finding the cluster: asks one bootstrap host after the other, again and again, until one answers or the time is up. */

import { withDeadline } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import { labelOf } from "../connection/open.ts";
import type { Address } from "../transport/transport.ts";
import { firstOf } from "./race.ts";
import { Backoff, type BackoffSettings, isRetriable } from "./retry.ts";

/** How long one that is not connected is waited for before the next is asked as well. */
export const HEAD_START_MS = 500;

/** What a search is made of. */
export interface SearchSettings extends BackoffSettings {
  readonly world: World;
  /** Where to ask first. */
  readonly hosts: readonly Address[];
  /** Milliseconds for all hosts and tries. */
  readonly bootstrapTimeoutMs: number;
}

/** One search for the cluster. */
export class Search {
  readonly #settings: SearchSettings;
  readonly #ask: (address: Address, signal: AbortSignal) => Promise<void>;
  /** Each host's last failure. */
  readonly #causes = new Map<string, unknown>();

  /** `ask` asks one host, and learns from what it answers. */
  constructor(settings: SearchSettings, ask: (address: Address, signal: AbortSignal) => Promise<void>) {
    this.#settings = settings;
    this.#ask = ask;
  }

  /**
   * Asks every host, again with backoff until `bootstrapTimeoutMs`, then `NO_BROKERS` with each host's last failure as `cause`.
   * What no retry can heal, at every host, fails at once: with that error, or with a `NO_BROKERS` that is not retriable if it is
   * not the same everywhere.
   */
  async run(signal: AbortSignal | undefined): Promise<void> {
    const { bootstrapTimeoutMs: ms, world } = this.#settings;
    await withDeadline(world, ms, signal, () => this.#failure(), async ({ signal }) => {
      const backoff = new Backoff(world, this.#settings);
      while (!await this.#askHosts(signal)) {
        if (![...this.#causes.values()].some(isRetriable)) throw incurable(this.#causes);
        await world.sleep(backoff.nextMs(), signal);
      }
    });
  }

  /** The time is up: who has said nothing yet has not answered. */
  #failure(): KafkaError {
    const { bootstrapTimeoutMs: ms, hosts } = this.#settings;
    for (const label of hosts.map(labelOf)) {
      if (this.#causes.has(label)) continue;
      this.#causes.set(label, new KafkaError("CONNECT_TIMEOUT", `${label} has not answered`, { broker: label }));
    }
    return noBrokers(this.#causes, `within ${ms} ms`);
  }

  /** Asks every host once. Whether one has answered. */
  async #askHosts(signal: AbortSignal): Promise<boolean> {
    const race = {
      world: this.#settings.world,
      attempt: this.#ask,
      headStartMs: () => HEAD_START_MS,
      failed: (address: Address, error: unknown) => this.#causes.set(labelOf(address), error),
    };
    return await firstOf(race, this.#settings.hosts, signal) !== undefined;
  }
}

/** Nobody could be asked; with what each of them failed. */
export function noBrokers(causes: ReadonlyMap<string, unknown>, when = "", retriable = true): KafkaError {
  const words = [...causes].map(([label, cause]) => {
    const what = cause instanceof Error ? cause.message : String(cause);
    return what.includes(label) ? what : `${what} (${label})`;
  });
  const detail = `No broker could be reached${when && ` ${when}`}: ${words.join("; ")}`;
  const errors = [...causes.values()];
  const cause = errors.length === 1 ? errors[0] : new AggregateError(errors, "One failure for each host");
  return new KafkaError("NO_BROKERS", detail, { cause, retriable });
}

/** Every host failed in a way that no retry heals: the error that they share, or all of them in one. */
export function incurable(causes: ReadonlyMap<string, unknown>): unknown {
  const errors = [...causes.values()];
  const [first] = errors;
  const isShared = first instanceof KafkaError
    ? errors.every((error) => error instanceof KafkaError && error.code === first.code)
    : errors.length === 1;
  return isShared ? first : noBrokers(causes, "", false);
}
