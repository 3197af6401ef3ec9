/** The connections of a client: to each broker at most one for each kind of work, opened when first needed. */

import { abortable } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import type { Connection } from "../connection/connection.ts";
import { type ConnectionSettings, labelOf, Opener } from "../connection/open.ts";
import type { BrokerVersions } from "../connection/versions.ts";
import type { Address } from "../transport/transport.ts";
import { Backoff, type BackoffSettings } from "./retry.ts";

/** What a connection is for: a long poll must not hold up a produce request, nor either of them the rest. */
export type Lane = "produce" | "control" | `fetch ${number}`;

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

/** Opens, shares and closes connections. */
export class Pool {
  readonly #world: World;
  readonly #opener: Opener;
  readonly #backoff: BackoffSettings;
  readonly #slots = new Map<string, Slot>();
  readonly #ended = new AbortController();
  readonly #closing = new Set<Promise<unknown>>();

  /** Settings for its connections, and for how often it tries. */
  constructor(settings: ConnectionSettings, backoff: BackoffSettings) {
    this.#world = settings.world;
    this.#opener = new Opener(settings);
    this.#backoff = backoff;
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

  /** Lets go of what is not wanted any more; requests in flight there fail with `CONNECTION_CLOSED`. */
  keep(wanted: (key: string) => boolean): void {
    for (const [key, slot] of this.#slots) {
      if (wanted(key)) continue;
      this.#slots.delete(key);
      this.#discard(slot);
    }
  }

  /** Closes everything; resolves when nothing is left. */
  async close(): Promise<void> {
    this.#ended.abort(new KafkaError("CLOSED", "The client has been closed"));
    for (const slot of this.#slots.values()) this.#discard(slot);
    this.#slots.clear();
    await Promise.all(this.#closing);
  }

  #slot(key: string, address: Address): Slot {
    this.#ended.signal.throwIfAborted();
    const known = this.#slots.get(key);
    if (known) {
      if (known.address.host === address.host && known.address.port === address.port) return known;
      this.#discard(known); // the broker has moved
    }
    const backoff = new Backoff(this.#world, this.#backoff);
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
    return connection;
  }

  #closed(slot: Slot, connection: Connection, openedAt: number): void {
    if (slot.discarded) return;
    // A broker that could not say what it speaks was guessed to be old. It hung up: perhaps because the guess was wrong.
    if (connection.versions.source !== "ApiVersions") this.#opener.forget(slot.address);
    const now = this.#world.now();
    if (now - openedAt > this.#backoff.backoffMsMax) slot.backoff.reset();
    else slot.notBefore = now + slot.backoff.nextMs(); // it did not last: no storm of new ones
  }

  #discard(slot: Slot): void {
    const { connection } = slot;
    slot.discarded = true;
    if (!connection) return;
    const done = connection.close();
    this.#closing.add(done);
    done.then(() => this.#closing.delete(done));
  }
}

/** For who waits for a connection that nobody wants any more: the broker has moved, or is gone. */
function notNeeded(address: Address): KafkaError {
  const broker = labelOf(address);
  return new KafkaError("CONNECTION_CLOSED", `The connection to ${broker} is not needed any more`, { broker });
}
