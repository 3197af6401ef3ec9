/** The made-up network: who listens where, every link there is, and addresses that refuse, keep silent, or cannot be found. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred } from "../base/world.ts";
import type { Address, Dial, DialOptions, Listen, Listener, ListenOptions, Transport } from "../transport/transport.ts";
import { type Chance, hashText } from "./chance.ts";
import { drawHabit, type Habit, Link } from "./link.ts";
import { kindOfHappening, type Process, type SimulatedWorld } from "./world.ts";

const DIAL = kindOfHappening("dial");
const ACCEPT = kindOfHappening("accept");

/** Where ports that nobody chose begin. */
const FIRST_FREE_PORT = 49_152;

/** How long a dial that is not answered waits before it knocks again, in seconds, as kernels do; then it gives up. */
const KNOCKS_S = [1, 2, 4, 8, 16, 32, 64] as const;

/** An address as errors and the network's sets know it: `host:port`. */
export function addressText(address: Address): string {
  return `${address.host}:${address.port}`;
}

/** A process and an address as one, as {@linkcode Network.mute} knows them. */
export function pairText(client: Process, address: string): string {
  return `${client.name}>${address}`;
}

/** All the wires between the processes of one world. */
export class Network {
  /** The links that at least one side holds open, oldest first. */
  readonly links: Link[] = [];
  /** Addresses (`host:port`) that refuse whoever dials. */
  readonly refusing: Set<string> = new Set();
  /** Addresses (`host:port`) that do not answer who dials: whoever it is, or with `client>host:port` one process, by its name. */
  readonly mute: Set<string> = new Set();
  /** Addresses (`host:port`) that accept whoever dials, and are silent from then on: nothing passes, nobody is told. */
  readonly deaf: Set<string> = new Set();
  /** Addresses (`host:port`) whose host has no name at the moment. */
  readonly nameless: Set<string> = new Set();
  readonly #world: SimulatedWorld;
  readonly #chance: Chance;
  readonly #listeners = new Map<string, NetworkListener>();
  readonly #dials = new Map<string, number>();
  readonly #known = new Set<Process>();
  #nextPort = FIRST_FREE_PORT;

  /** One a world. */
  constructor(world: SimulatedWorld) {
    this.#world = world;
    this.#chance = world.chance.fork("network");
  }

  /** Waits for others to connect; port 0 takes a free one. `UNSUPPORTED_FEATURE` for TLS, `INVALID_OPTION` if the address is taken. */
  listen(owner: Process, wanted: Address, options: ListenOptions = {}): Listener {
    refuseTls(options.tls);
    const address = wanted.port === 0 ? { host: wanted.host, port: this.#nextPort++ } : wanted;
    const name = addressText(address);
    if (this.#listeners.has(name)) {
      throw new KafkaError("INVALID_OPTION", `somebody listens at ${name} already`, { broker: name });
    }
    this.#watch(owner);
    const listener = new NetworkListener(owner, address, () => {
      // After a kill somebody else may listen there.
      if (this.#listeners.get(name) === listener) this.#listeners.delete(name);
    });
    this.#listeners.set(name, listener);
    return listener;
  }

  /** Connects, as a {@linkcode Dial} does. */
  async dial(owner: Process, address: Address, options: DialOptions = {}): Promise<Transport> {
    const name = addressText(address);
    const { signal } = options;
    this.#world.traceCall(owner, DIAL, hashText(name));
    refuseTls(options.tls);
    this.#watch(owner);
    const chance = this.#chanceOf(owner, name);
    const habit = drawHabit(chance);
    const half = () => owner.pause(habit.latency + chance.below(500), `dial to ${name}`, signal);
    await half();
    if (this.nameless.has(name)) {
      throw new KafkaError("HOST_NOT_FOUND", `${address.host} is not known`, { broker: name });
    }
    await this.#knock(owner, name, signal);
    const listener = this.#listeners.get(name);
    if (listener === undefined || this.refusing.has(name)) {
      await half();
      throw new KafkaError("CONNECTION_REFUSED", `nobody listens at ${name}`, { broker: name });
    }
    const link = this.#connect(owner, listener, name, chance, habit);
    try {
      await half();
    } catch (reason) {
      link.client.close();
      throw reason;
    }
    return link.client;
  }

  /** A silent address is asked again and again, less and less often: it may be heard of again. */
  async #knock(owner: Process, name: string, signal: AbortSignal | undefined): Promise<void> {
    const isMute = () => this.mute.size > 0 && (this.mute.has(name) || this.mute.has(pairText(owner, name)));
    for (const seconds of KNOCKS_S) {
      if (!isMute()) return;
      await owner.pause(seconds * 1_000_000, `answer to a dial from ${name}`, signal);
    }
    if (!isMute()) return;
    throw new KafkaError("CONNECT_TIMEOUT", `${name} does not answer`, { broker: name });
  }

  #connect(owner: Process, listener: NetworkListener, name: string, chance: Chance, habit: Habit): Link {
    const link = new Link(owner, listener.owner, name, chance, habit, (closed) => {
      const at = this.links.indexOf(closed);
      if (at >= 0) this.links.splice(at, 1);
    });
    this.links.push(link);
    if (this.deaf.has(name)) link.cut("none", "neither");
    // The kernel has accepted; the process hears of it when it has time, and may have stopped listening by then.
    this.#world.schedule(listener.owner, 0, ACCEPT, () => listener.arrive(link));
    return link;
  }

  /** A dial's own stream, by who dials whom and how often before: taking one fault out does not move the other dials. */
  #chanceOf(owner: Process, name: string): Chance {
    const pair = pairText(owner, name);
    const nth = (this.#dials.get(pair) ?? 0) + 1;
    this.#dials.set(pair, nth);
    return this.#chance.fork(`${pair}#${nth}`);
  }

  #watch(owner: Process): void {
    if (this.#known.has(owner)) return;
    this.#known.add(owner);
    owner.atDeath(() => this.#bury(owner));
  }

  #bury(dead: Process): void {
    for (const [name, listener] of this.#listeners) {
      if (listener.owner === dead) this.#listeners.delete(name);
    }
    for (const { client, server } of [...this.links]) {
      if (client.owner === dead) client.die();
      if (server.owner === dead) server.die();
    }
  }
}

/** What a client in a process is given to connect with. */
export function dialOf(network: Network, process: Process): Dial {
  return (address, options) => network.dial(process, address, options);
}

/** What a broker in a process is given to listen with. */
export function listenOf(network: Network, process: Process): Listen {
  // deno-lint-ignore require-await -- what it throws must be a rejection
  return async (address, options) => network.listen(process, address, options);
}

/** Connections that came in; an iterator by hand, because a queue that a generator would make adds turns of its own. */
class NetworkListener implements Listener {
  readonly owner: Process;
  readonly address: Address;
  readonly #forget: () => void;
  readonly #queue: Link[] = [];
  readonly #waiting: Deferred<IteratorResult<Transport>>[] = [];
  #isClosed = false;

  constructor(owner: Process, address: Address, forget: () => void) {
    this.owner = owner;
    this.address = address;
    this.#forget = forget;
    owner.hold(this, `listener at ${addressText(address)}`);
  }

  arrive(link: Link): void {
    if (this.#isClosed) return link.server.die();
    link.server.open();
    const first = this.#waiting.shift();
    if (first) first.resolve({ done: false, value: link.server });
    else this.#queue.push(link);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forget();
    this.owner.release(this);
    for (const link of this.#queue.splice(0)) link.server.die();
    for (const wait of this.#waiting.splice(0)) wait.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<Transport> {
    return { next: () => this.#next() };
  }

  #next(): Promise<IteratorResult<Transport>> {
    const link = this.#queue.shift();
    if (link) return Promise.resolve({ done: false, value: link.server });
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
    const wait = this.owner.deferred<IteratorResult<Transport>>(`connection at ${addressText(this.address)}`);
    this.#waiting.push(wait);
    return wait.promise;
  }
}

function refuseTls(tls: unknown): void {
  if (tls === undefined) return;
  throw new KafkaError("UNSUPPORTED_FEATURE", "the simulated network has no TLS");
}
