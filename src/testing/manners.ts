/**
 * What a client owes a broker on one connection, and a strict broker holds against it: silence while it is throttled (KIP-219), and
 * no more questions than can be of use.
 */

import type { World } from "../base/world.ts";
import { metadata } from "../protocol/metadata.ts";
import type { Api } from "../wire/schema.ts";

/** What is on its way when the broker throttles comes in all the same; after so many milliseconds it has come. */
const GRACE_MS = 100;

/** How often a client may ask for metadata in any second: many times what the shortest backoff leads to. */
const METADATA_PER_SECOND = 100;

/** One connection, as a strict broker sees it. */
export class Manners {
  readonly #world: World;
  readonly #broker: number;
  #from = Infinity;
  #until = 0;
  /** When metadata was asked for in the last second. */
  #asked: number[] = [];

  /** On a connection to that broker. */
  constructor(world: World, broker: number) {
    this.#world = world;
    this.#broker = broker;
  }

  /** An answer goes out; with a time in it, and in such a version, it asks for silence. */
  answered(api: Api, version: number, answer: object): void {
    const { throttleTimeMs: ms } = answer as { readonly throttleTimeMs?: unknown };
    if (typeof ms !== "number" || ms <= 0 || version < (api.clientThrottlesFrom ?? Infinity)) return;
    const now = this.#world.now();
    if (now >= this.#until) this.#from = now + GRACE_MS;
    this.#until = Math.max(this.#until, now + ms);
  }

  /** A request came in that the broker had waited for: what is wrong with that, if anything is. */
  fault(): string | undefined {
    const now = this.#world.now();
    // A timer may ring a little early by another clock.
    if (now < this.#from || now >= this.#until - 1) return undefined;
    return `A request came to broker ${this.#broker} ${
      Math.round(this.#until - now)
    } ms before it was to be asked again`;
  }

  /** A request is taken up: what is wrong with its coming at all, if anything is. */
  excess(api: Api): string | undefined {
    if (api.key !== metadata.key) return undefined;
    const now = this.#world.now();
    this.#asked = this.#asked.filter((at) => at > now - 1000);
    this.#asked.push(now);
    if (this.#asked.length <= METADATA_PER_SECOND) return undefined;
    return `Broker ${this.#broker} was asked for metadata more than ${METADATA_PER_SECOND} times within a second`;
  }
}
