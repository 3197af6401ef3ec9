/** Quotas: how much clients may ask of each broker in a second, and how long who asks for more has to wait (KIP-13, KIP-124). */

/** What may be limited, for each broker by itself. At least one of the rates is given. */
export interface Quota {
  /** Whose quota it is, as the client calls itself. Not said: every client's that has none of its own, each by itself. */
  readonly clientId?: string | undefined;
  /** Bytes of Produce requests a second. */
  readonly produceBytes?: number | undefined;
  /** Bytes of records a second that Fetch is answered with. */
  readonly fetchBytes?: number | undefined;
  /** Requests a second, of all kinds. (Kafka counts the time that its threads take.) */
  readonly requests?: number | undefined;
}

/** What is counted. */
export type QuotaKind = "produceBytes" | "fetchBytes" | "requests";

interface Level {
  /** How much of it has not run off yet. */
  amount: number;
  /** When that was so, in ms. */
  at: number;
}

/**
 * A bucket for each broker, client and kind, that runs off at the quota's rate and holds what may run off in a second. Who lets it
 * run over has to wait until it does not any more. (Kafka compares the rate over its last windows; the waits are of the same kind.)
 */
export class Quotas {
  readonly #quotas = new Set<Quota>();
  readonly #levels = new Map<string, Level>();

  /** Adds a quota; a later one goes before an earlier one. Gives what ends it. */
  add(quota: Quota): () => void {
    const own = { ...quota };
    this.#quotas.add(own);
    return () => {
      this.#quotas.delete(own);
    };
  }

  /** Milliseconds that the client has to wait after that much more, at that time of the broker's; 0 if it may go on. */
  charge(broker: number, clientId: string | null, kind: QuotaKind, amount: number, now: number): number {
    const rate = this.#rate(clientId, kind);
    if (rate === undefined || amount === 0) return 0;
    const level = this.#level(broker, clientId, kind, rate, now);
    level.amount += amount;
    return waitOf(level.amount, rate);
  }

  /** The same for what is only handed out if nothing is to be waited for: else nothing is charged. What is too much at once comes alone. */
  grant(broker: number, clientId: string | null, kind: QuotaKind, amount: number, now: number): number {
    const rate = this.#rate(clientId, kind);
    if (rate === undefined || amount === 0) return 0;
    const level = this.#level(broker, clientId, kind, rate, now);
    const wait = level.amount === 0 ? 0 : Math.min(waitOf(level.amount + amount, rate), millis(level.amount, rate));
    if (wait === 0) level.amount += amount;
    return wait;
  }

  #rate(clientId: string | null, kind: QuotaKind): number | undefined {
    let own: number | undefined;
    let common: number | undefined;
    for (const quota of this.#quotas) {
      const rate = quota[kind];
      if (rate === undefined) continue;
      if (quota.clientId === undefined) common = rate;
      else if (quota.clientId === clientId) own = rate;
    }
    return own ?? common;
  }

  #level(broker: number, clientId: string | null, kind: QuotaKind, rate: number, now: number): Level {
    const key = `${broker} ${kind} ${clientId}`;
    const level = this.#levels.get(key) ?? { amount: 0, at: now };
    this.#levels.set(key, level);
    level.amount = Math.max(0, level.amount - (now - level.at) * rate / 1000);
    level.at = now;
    return level;
  }
}

/** How long what is above a second's worth takes to run off. */
function waitOf(amount: number, rate: number): number {
  return millis(Math.max(0, amount - rate), rate);
}

function millis(amount: number, rate: number): number {
  return Math.ceil(amount / rate * 1000);
}
