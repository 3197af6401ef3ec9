/** What a SASL mechanism is: it exchanges bytes with a broker until one of the two is content, or neither. */

import type { World } from "../../base/world.ts";

/** One authentication of one connection, as its mechanism sees it. */
export interface SaslContext {
  /** The host that was dialled. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Aborts when the time for it is up, or the connection is not wanted any more. */
  readonly signal: AbortSignal;
  /** Time and chance: `world.wall()`, `world.entropy(n)`; what leaves JavaScript (WebCrypto) goes through `world.outside(…)`. */
  readonly world: World;
  /**
   * Sends a message of the mechanism and gives the broker's answer, a copy. Rejects when the broker refuses. What is said to be
   * a `secret` never stands in an error's text, should the broker repeat it.
   */
  exchange(message: Uint8Array, secret?: string): Promise<Uint8Array>;
}

/**
 * A way to authenticate, as the option `sasl` takes it: `plain`, `scramSha256`, `scramSha512`, `oauthBearer` or `awsMskIam`, or one of
 * your own. It is asked anew for every connection, and again before a session ends (KIP-368).
 *
 * ```ts ignore
 * const ticket: SaslMechanism = {
 *   name: "X-TICKET",
 *   async authenticate({ host, exchange }) {
 *     const challenge = await exchange(await ticketFor(host));
 *     await exchange(await sign(challenge)); // rejects if the broker refuses it
 *   },
 * };
 * ```
 */
export interface SaslMechanism {
  /** As brokers have it in `sasl.enabled.mechanisms`. */
  readonly name: string;
  /** Does it, with at least one exchange. When it ends, the broker has to be content; what it throws fails the authentication. */
  authenticate(context: SaslContext): Promise<void>;
}

/** Something, or a function that gives it and is asked anew at each authentication, so that it may change. */
export type Asked<T> = T | (() => T | Promise<T>);
