/** A network inside one process: what the embedded cluster and the tests talk over. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred, World } from "../base/world.ts";
import { brokerOf, checkTarget, closedHere } from "./failure.ts";
import { Arrivals, Inbox } from "./inbox.ts";
import type { Address, Dial, Listen, Listener, TlsOptions, Transport } from "./transport.ts";

/** Bytes that lie unread before a writer has to wait. */
const WINDOW = 256 * 1024;

/** The first port that is given to who asks for any: where such ports begin by IANA's rule. */
const FREE_PORT_FIRST = 49152;

interface Write {
  readonly chunks: readonly Uint8Array[];
  readonly done: Deferred<void>;
  /** Which chunk is next, and how much of it has gone. */
  index: number;
  offset: number;
}

/** One end of a connection; it moves what is written into its peer's inbox while there is room. */
class MemoryTransport implements Transport {
  readonly #world: World;
  readonly #broker: string;
  readonly #inbox: Inbox;
  readonly #writes: Write[] = [];
  #peer!: MemoryTransport;
  #error: KafkaError | undefined;
  #closed = false;

  constructor(world: World, broker: string) {
    this.#world = world;
    this.#broker = broker;
    this.#inbox = new Inbox(world, broker, () => {});
  }

  /** The two ends of a new connection. */
  static pair(world: World, broker: string): [dialled: MemoryTransport, accepted: MemoryTransport] {
    const dialled = new MemoryTransport(world, broker);
    const accepted = new MemoryTransport(world, broker);
    dialled.#peer = accepted;
    accepted.#peer = dialled;
    return [dialled, accepted];
  }

  read(into: Uint8Array, atLeast?: number): Promise<number | null> {
    const read = this.#inbox.read(into, atLeast);
    this.#peer.#send(); // there is room now, in the array or behind it
    return read;
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const done = this.#world.deferred<void>(`room to write to ${this.#broker}`);
    this.#writes.push({ chunks, done, index: 0, offset: 0 });
    if (this.#writes.length === 1) this.#send();
    return done.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.close();
    this.#fail(closedHere(this.#broker));
    const peer = this.#peer;
    peer.#inbox.end();
    if (peer.#closed) return;
    peer.#fail(
      new KafkaError("CONNECTION_RESET", `The other end of ${this.#broker} has closed`, { broker: this.#broker }),
    );
  }

  #send(): void {
    const inbox = this.#peer.#inbox;
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      for (; write.index < write.chunks.length; write.index++, write.offset = 0) {
        const chunk = write.chunks[write.index]!;
        while (write.offset < chunk.length) {
          const room = (inbox.target?.length ?? 0) + WINDOW - inbox.kept;
          if (room <= 0) return;
          const piece = chunk.subarray(write.offset, write.offset + room);
          write.offset += piece.length;
          inbox.push(piece, false);
        }
      }
      this.#writes.shift();
      write.done.resolve();
    }
  }

  /** The first error is the error. */
  #fail(error: KafkaError): void {
    this.#error ??= error;
    for (const write of this.#writes.splice(0)) write.done.reject(this.#error);
  }
}

/** A network of its own: who dials in it finds only who listens in it. */
export interface MemoryNetwork {
  /** Connects to who listens under exactly this host and port. */
  readonly dial: Dial;
  /** Listens under a host and port; any host will do, and none is another's alias. */
  readonly listen: Listen;
}

/** Makes a network. It keeps its promises by `world.deferred` and takes no time by itself. */
export function memoryNetwork(world: World): MemoryNetwork {
  const listeners = new Map<string, Arrivals>();
  let nextPort = FREE_PORT_FIRST;

  function freePort(host: string): number {
    for (let tries = FREE_PORT_FIRST; tries <= 65535; tries++) {
      const port = nextPort;
      nextPort = port === 65535 ? FREE_PORT_FIRST : port + 1;
      if (!listeners.has(brokerOf({ host, port }))) return port;
    }
    throw new KafkaError("INVALID_OPTION", `Every port of ${host} is taken`);
  }

  function accept(address: Address, tls: TlsOptions | undefined): Transport {
    check(address, tls);
    const broker = brokerOf(address);
    const arrivals = listeners.get(broker);
    if (arrivals === undefined) {
      throw new KafkaError("CONNECTION_REFUSED", `Nobody listens at ${broker} in this process`, { broker });
    }
    const [dialled, accepted] = MemoryTransport.pair(world, broker);
    arrivals.push(accepted);
    return dialled;
  }

  function open(address: Address, tls: TlsOptions | undefined): Listener {
    check(address, tls);
    const { host } = address;
    const port = address.port === 0 ? freePort(host) : address.port;
    const place = brokerOf({ host, port });
    if (listeners.has(place)) throw new KafkaError("INVALID_OPTION", `${place} is taken: somebody listens there`);
    const arrivals = new Arrivals(world, place);
    listeners.set(place, arrivals);
    return {
      address: { host, port },
      [Symbol.asyncIterator]: () => arrivals,
      close() {
        if (listeners.get(place) === arrivals) listeners.delete(place);
        arrivals.close();
      },
    };
  }

  return {
    // deno-lint-ignore require-await -- so that what is thrown rejects
    dial: async (address, { tls, signal } = {}) => {
      signal?.throwIfAborted();
      return accept(address, tls);
    },
    // deno-lint-ignore require-await -- so that what is thrown rejects
    listen: async (address, { tls } = {}) => open(address, tls),
  };
}

function check(address: Address, tls: TlsOptions | undefined): void {
  checkTarget(address);
  if (tls === undefined) return;
  throw new KafkaError("UNSUPPORTED_FEATURE", "There is no TLS over memory", { broker: brokerOf(address) });
}
