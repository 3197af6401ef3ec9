/** The connections of a client: to each broker at most one for each kind of work, opened when first needed. */

import { abortable } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { Timer, World } from "../base/world.ts";
import { isHarmless, markHarmless } from "../connection/again.ts";
import { type Connection, RESTED_MS } from "../connection/connection.ts";
import { type ConnectionSettings, labelOf, Opener } from "../connection/open.ts";
import type { BrokerVersions } from "../connection/versions.ts";
import type { Address } from "../transport/transport.ts";
import { Backoff, type BackoffSettings } from "./retry.ts";

/** What a connection is for: a long poll must not hold up a produce request, nor either of them the rest. */
export type Lane = "produce" | "control" | `fetch ${number}`;

/** How often it tries, and how long it keeps what nobody uses. */
export interface PoolSettings extends BackoffSettings {
  /** Milliseconds after which a connection on which nothing happens is closed; 0 or Infinity: never. */
  readonly connectionsMaxIdleMs: number;
}

/** A place for one connection. */
interface Slot {
  address: Address;
  connection: Connection | undefined;
  opening: Promise<Connection> | undefined;
  readonly backoff: Backoff;
  /** No attempt before this moment, on the world's clock. */
  notBefore: number;
  /** Nobody wants it any more; what is still being opened is closed at once. */
  discarded: boolean;
}

/** Above any number of requests in flight. */
const QUIET = 1e6;
const OPENING = 2e6;
const NOT_OPEN = 3e6;
const BACKING_OFF = 4e6;

/** Opens, shares and closes connections. */
export class Pool {
  readonly #world: World;
  readonly #opener: Opener;
  readonly #settings: PoolSettings;
  readonly #lost: () => void;
  readonly #slots = new Map<string, Slot>();
  /** Connections that nobody is given any more, and that still have answers to come. */
  readonly #draining = new Set<Connection>();
  readonly #ended = new AbortController();
  readonly #closing = new Set<Promise<unknown>>();
  #idleTimer: Timer | undefined;

  /** Settings for its connections, and for itself; `lost` is called when a peer has ended a connection and no request tells of it. */
  constructor(connections: ConnectionSettings, settings: PoolSettings, lost: () => void) {
    this.#world = connections.world;
    this.#opener = new Opener(connections);
    this.#settings = settings;
    this.#lost = lost;
  }

  /** The connection that is open now, if there is one. */
  open(key: string): Connection | undefined {
    const connection = this.#slots.get(key)?.connection;
    return connection?.error ? undefined : connection;
  }

  /**
   * The connection for `key`, opened if need be; after a failure not before its backoff is over. Rejects with what opening
   * rejects with, `CLOSED`, or the signal's reason. An abort ends the wait; the attempt goes on for others.
   */
  async get(key: string, address: Address, signal: AbortSignal | undefined): Promise<Connection> {
    const slot = this.#slot(key, address);
    const { connection } = slot;
    if (connection && !connection.error) return connection;
    slot.opening ??= this.#opening(slot);
    return await abortable(this.#world, `connection to ${labelOf(address)}`, slot.opening, signal);
  }

  /**
   * How long it will take until `key` can be asked, as a number to sort by: an open connection by what is in flight on it, one that
   * is to be quiet, one that is being opened, one that is not, one whose last try failed a moment ago (Java's `leastLoadedNode`).
   */
  load(key: string): number {
    const connection = this.open(key);
    if (connection) return connection.inFlight + (connection.isQuiet ? QUIET : 0);
    const slot = this.#slots.get(key);
    if (slot && slot.notBefore > this.#world.now()) return BACKING_OFF;
    return slot?.opening ? OPENING : NOT_OPEN;
  }

  /** Throws `ILLEGAL_SASL_STATE` if the address wants SASL, and is told nothing of it. */
  throwIfSasl(address: Address, signal: AbortSignal): Promise<void> {
    return this.#opener.throwIfSasl(address, signal);
  }

  /** What the broker behind `key` spoke when last connected to. */
  versions(key: string): BrokerVersions | undefined {
    return this.#slots.get(key)?.connection?.versions;
  }

  /** A bootstrap host turned out to be this broker: its connection is taken over, if the broker has none and none is on its way. */
  adopt(seedKey: string, key: string): void {
    const seed = this.#slots.get(seedKey);
    if (!seed || !this.open(seedKey) || this.open(key) || this.#slots.get(key)?.opening) return;
    this.#slots.delete(seedKey);
    this.#slots.set(key, seed);
  }

  /** Lets go of what is not wanted any more: nobody is given it, and it is closed when what is in flight there has been answered. */
  keep(wanted: (key: string) => boolean): void {
    for (const [key, slot] of this.#slots) {
      if (wanted(key)) continue;
      this.#slots.delete(key);
      this.#discard(slot, "drain");
    }
  }

  /** Closes what is not wanted any more at once; requests in flight there fail with `CONNECTION_CLOSED`. */
  drop(unwanted: (key: string) => boolean): void {
    for (const [key, slot] of this.#slots) {
      if (!unwanted(key)) continue;
      this.#slots.delete(key);
      this.#discard(slot, "close");
    }
  }

  /** Closes everything; resolves when nothing is left. */
  async close(): Promise<void> {
    this.#ended.abort(new KafkaError("CLOSED", "The client has been closed"));
    this.#idleTimer?.cancel();
    for (const slot of this.#slots.values()) this.#discard(slot, "close");
    for (const connection of this.#draining) connection.close();
    this.#slots.clear();
    await Promise.all(this.#closing);
  }

  #slot(key: string, address: Address): Slot {
    this.#ended.signal.throwIfAborted();
    const known = this.#slots.get(key);
    if (known) {
      if (known.address.host === address.host && known.address.port === address.port) return known;
      this.#discard(known, "drain"); // the broker has moved
    }
    const backoff = new Backoff(this.#world, this.#settings);
    const slot: Slot = { address, connection: undefined, opening: undefined, backoff, notBefore: 0, discarded: false };
    this.#slots.set(key, slot);
    return slot;
  }

  #opening(slot: Slot): Promise<Connection> {
    const opening = this.#openSlot(slot);
    const over = () => {
      slot.opening = undefined;
      this.#closing.delete(done);
    };
    const done = opening.then(over, over);
    this.#closing.add(done);
    return opening;
  }

  async #openSlot(slot: Slot): Promise<Connection> {
    const { signal } = this.#ended;
    const wait = slot.notBefore - this.#world.now();
    if (wait > 0) await this.#world.sleep(wait, signal);
    if (slot.discarded) throw notNeeded(slot.address);
    let connection: Connection;
    try {
      connection = await this.#opener.open(slot.address, signal);
    } catch (error) {
      slot.notBefore = this.#world.now() + slot.backoff.nextMs();
      throw error;
    }
    if (slot.discarded) {
      await connection.close();
      signal.throwIfAborted();
      throw notNeeded(slot.address);
    }
    const openedAt = this.#world.now();
    slot.connection = connection;
    connection.onClosed = () => this.#closed(slot, connection, openedAt);
    this.#watchIdle();
    return connection;
  }

  #closed(slot: Slot, connection: Connection, openedAt: number): void {
    if (slot.discarded) return;
    // A broker that could not say what it speaks was guessed to be old. It hung up: perhaps because the guess was wrong.
    if (connection.versions.source !== "ApiVersions") this.#opener.forget(slot.address);
    const now = this.#world.now();
    const lasted = now - openedAt;
    const wasIdle = isHarmless(connection.error) && lasted >= RESTED_MS;
    if (wasIdle || lasted > this.#settings.backoffMsMax) slot.backoff.reset();
    else slot.notBefore = now + slot.backoff.nextMs(); // it did not last: no storm of new ones
    if (connection.endedAtRest) this.#lost();
  }

  #discard(slot: Slot, how: "drain" | "close"): void {
    const { connection } = slot;
    slot.discarded = true;
    if (!connection) return;
    this.#draining.add(connection);
    const done = how === "drain" ? connection.drain() : connection.close();
    this.#closing.add(done);
    done.then(() => {
      this.#closing.delete(done);
      this.#draining.delete(connection);
    });
  }

  /** One timer for all: it rings when the first of them may have been idle for long enough, not whenever one is used. */
  #watchIdle(): void {
    const { connectionsMaxIdleMs: ms } = this.#settings;
    if (this.#idleTimer || ms === 0 || ms === Infinity) return;
    let next = Infinity;
    const now = this.#world.now();
    for (const { connection } of this.#slots.values()) {
      if (connection && !connection.error) next = Math.min(next, (connection.idleSince ?? now) + ms);
    }
    if (next === Infinity) return;
    this.#idleTimer = this.#world.timer(Math.max(0, next - now), () => {
      this.#idleTimer = undefined;
      this.#closeIdle(this.#world.now() - ms);
      this.#watchIdle();
    });
  }

  #closeIdle(since: number): void {
    for (const slot of this.#slots.values()) {
      const { connection } = slot;
      if (!connection || connection.error || (connection.idleSince ?? Infinity) > since) continue;
      connection.onClosed = () => slot.backoff.reset();
      connection.close(tooIdle(slot.address));
    }
  }
}

/** Nobody has a request in flight there; who has the connection in hand and asks now, asks again on another. */
function tooIdle(address: Address): KafkaError {
  const broker = labelOf(address);
  return markHarmless(
    new KafkaError("CONNECTION_CLOSED", `The connection to ${broker} was idle and has been closed`, { broker }),
  );
}

/** For who waits for a connection that nobody wants any more: the broker has moved, or is gone. */
function notNeeded(address: Address): KafkaError {
  const broker = labelOf(address);
  const detail = `The connection to ${broker} is not needed any more`;
  return markHarmless(new KafkaError("CONNECTION_CLOSED", detail, { broker }));
}
