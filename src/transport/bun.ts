/** Connections by Bun's own sockets. */

import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { KafkaError } from "../base/errors.ts";
import { type Deferred, realWorld } from "../base/world.ts";
import { brokerOf, checkTarget, closedHere, failureOf } from "./failure.ts";
import { Arrivals, Inbox } from "./inbox.ts";
import { joined } from "./joining.ts";
import type { Address, DialOptions, Listener, ListenOptions, TlsOptions, Transport } from "./transport.ts";

const SCRATCH_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 60_000;

/** As much of Bun's socket as is used here. */
interface Socket {
  data: BunTransport | undefined;
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  end(): void;
  terminate(): void;
  getPeerCertificate(): PeerCertificate;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, delayMs: number): void;
}

interface Handlers {
  open(socket: Socket): void;
  data(socket: Socket, bytes: Uint8Array): void;
  drain(socket: Socket): void;
  end(socket: Socket): void;
  error(socket: Socket, error: Error): void;
  close(socket: Socket, error?: Error): void;
  handshake?(socket: Socket, ok: boolean, error: Error | null): void;
}

interface Options {
  hostname: string;
  port: number;
  tls?: Record<string, unknown>;
  socket: Handlers;
  data?: BunTransport;
}

declare const Bun: {
  connect(options: Options): Promise<Socket>;
  listen(options: Options): { hostname: string; port: number; stop(): void };
};

interface Write {
  readonly pieces: Iterator<Uint8Array, undefined>;
  readonly done: Deferred<void>;
  /** What the socket has not taken of the piece that is under way. */
  rest: Uint8Array | undefined;
}

class BunTransport implements Transport {
  readonly broker: string;
  readonly #inbox: Inbox;
  readonly #writes: Write[] = [];
  #socket: Socket | undefined;
  #scratch: Uint8Array | undefined;
  #error: KafkaError | undefined;

  constructor(broker: string) {
    this.broker = broker;
    this.#inbox = new Inbox(realWorld, broker, () => this.#socket?.resume());
  }

  /** Takes the socket, once it is open. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
  }

  read(into: Uint8Array, atLeast?: number): Promise<number | null> {
    return this.#inbox.read(into, atLeast);
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const pieces = chunks.length < 2
      ? chunks[Symbol.iterator]()
      : joined(chunks, this.#scratch ??= new Uint8Array(SCRATCH_BYTES));
    const done = realWorld.deferred<void>("a write");
    this.#writes.push({ pieces, done, rest: undefined });
    if (this.#writes.length === 1) this.flush();
    return done.promise;
  }

  close(): void {
    const isStuck = this.#writes.length > 0;
    this.#inbox.close();
    this.fail(closedHere(this.broker));
    if (isStuck) this.#socket?.terminate(); // a reset: a clean end would wait for the peer to read
    else this.#socket?.end();
  }

  /** Bytes came; they are ours, for Bun makes an array for each call. */
  push(bytes: Uint8Array): void {
    if (!this.#inbox.push(bytes, true)) this.#socket?.pause();
  }

  /** Writes what the socket takes; it calls again when it takes more. */
  flush(): void {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      let piece = write.rest ?? write.pieces.next().value;
      for (; piece !== undefined; piece = write.pieces.next().value) {
        if (piece.length === 0) continue;
        const count = this.#socket!.write(piece);
        if (count < 0) {
          this.fail(new KafkaError("CONNECTION_RESET", `${this.broker} has gone`, { broker: this.broker }));
          return;
        }
        if (count < piece.length) {
          write.rest = piece.subarray(count);
          return;
        }
      }
      this.#writes.shift();
      write.done.resolve();
    }
  }

  /** The peer has ended its stream. */
  end(): void {
    this.#inbox.end();
  }

  /** The first error is the error. An end that has been told hides what comes after it from the reader. */
  fail(error: unknown): void {
    this.#error ??= failureOf(error, this.broker, "CONNECTION_RESET");
    this.#inbox.end(this.#error);
    for (const write of this.#writes.splice(0)) write.done.reject(this.#error);
  }
}

/** What Bun calls for every socket. The transport is the socket's `data`; a client that failed its handshake has none. */
const handlers: Handlers = {
  open: () => {},
  data: (socket, bytes) => socket.data?.push(bytes),
  drain: (socket) => socket.data?.flush(),
  end: (socket) => socket.data?.end(),
  error: (socket, error) => socket.data?.fail(error),
  close(socket, error) {
    const transport = socket.data;
    const closed = () => new KafkaError("CONNECTION_CLOSED", `${transport!.broker} has closed the connection`);
    transport?.fail(error ?? closed());
  },
};

/** Options of a TLS client. */
function secureOptions(name: string, { ca, cert, key }: TlsOptions): Record<string, unknown> {
  return {
    ...(ca !== undefined && { ca, allowPartialTrustChain: true }),
    ...(cert !== undefined && { cert, key }),
    ...(isIP(name) === 0 && { serverName: name }),
    rejectUnauthorized: true,
  };
}

/** The error for a certificate of another name carries all of it along: its words are enough. */
function otherName(name: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(name, certificate) as (Error & { readonly code?: string }) | undefined;
  return error && Object.assign(new Error(error.message), { code: error.code });
}

/** One attempt: from the call until it is a transport, or is given up. */
class Attempt implements Handlers {
  readonly #transport: BunTransport;
  readonly #name: string;
  readonly #opened = realWorld.deferred<BunTransport>("a connection");
  readonly #secure: boolean;
  readonly #signal: AbortSignal | undefined;
  #over = false;

  constructor(transport: BunTransport, name: string, { tls, signal }: DialOptions) {
    this.#transport = transport;
    this.#name = name;
    this.#secure = tls !== undefined;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  get opened(): Promise<BunTransport> {
    return this.#opened.promise;
  }

  open = (socket: Socket): void => {
    if (this.#over) return socket.terminate();
    this.#transport.attach(socket);
    if (!this.#secure) this.#settle();
  };

  /** Older releases say `ok` whatever the certificate is, and none looks at the name. */
  handshake = (socket: Socket, ok: boolean, error: Error | null): void => {
    const wrong = error ?? (ok ? otherName(this.#name, socket.getPeerCertificate()) : undefined);
    if (ok && !wrong) return this.#settle();
    this.#giveUp(failureOf(wrong ?? new Error("The handshake failed"), this.#transport.broker, "TLS_FAILED"));
  };

  data = handlers.data;
  drain = handlers.drain;
  end = handlers.end;

  error = (socket: Socket, error: Error): void => {
    handlers.error(socket, error);
    this.failed(error);
  };

  close = (socket: Socket, error?: Error): void => {
    const { broker } = this.#transport;
    handlers.close(socket, error);
    this.failed(error ?? new KafkaError("CONNECTION_RESET", `${broker} hung up while we connected`, { broker }));
  };

  failed(error: unknown): void {
    this.#giveUp(failureOf(error, this.#transport.broker, "HOST_UNREACHABLE"));
  }

  #abort = (): void => this.#giveUp(this.#signal!.reason);

  #giveUp(error: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#transport.close();
    this.#opened.reject(error);
  }

  #settle(): void {
    if (this.#over) return;
    this.#end();
    this.#opened.resolve(this.#transport);
  }

  #end(): void {
    this.#over = true;
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}

/** Connects by Bun's sockets. */
export async function dial(address: Address, options: DialOptions = {}): Promise<Transport> {
  options.signal?.throwIfAborted();
  checkTarget(address, options.tls);
  const { host: hostname, port } = address;
  const transport = new BunTransport(brokerOf(address));
  const name = options.tls?.serverName ?? hostname;
  const attempt = new Attempt(transport, name, options);
  const tls = options.tls && secureOptions(name, options.tls);
  try {
    Bun.connect({ hostname, port, data: transport, socket: attempt, ...(tls && { tls }) })
      .catch((error: unknown) => attempt.failed(error));
  } catch (error) {
    attempt.failed(error);
  }
  return await attempt.opened;
}

/** Listens by Bun's sockets; with `tls.ca`, clients must show a certificate of such an authority. */
// deno-lint-ignore require-await -- so that what is thrown rejects
export async function listen(address: Address, { tls }: ListenOptions = {}): Promise<Listener> {
  checkTarget(address, tls);
  if (tls !== undefined && tls.cert === undefined) {
    throw new KafkaError("INVALID_OPTION", "Who listens with TLS needs tls.cert and tls.key");
  }
  const place = brokerOf(address);
  const arrivals = new Arrivals(realWorld, place);
  const isSecure = tls !== undefined;
  const open = (socket: Socket) => {
    const transport = new BunTransport(place);
    socket.data = transport;
    transport.attach(socket);
    if (!isSecure) arrivals.push(transport);
  };
  const handshake = (socket: Socket, ok: boolean) => {
    if (ok) arrivals.push(socket.data!);
    else socket.terminate();
  };
  const { host: hostname, port } = address;
  const asked = tls?.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true };
  const secure = tls && { tls: { cert: tls.cert, key: tls.key, ...asked } };
  try {
    const server = Bun.listen({ hostname, port, socket: { ...handlers, open, handshake }, ...secure });
    return {
      address: { host: server.hostname, port: server.port },
      [Symbol.asyncIterator]: () => arrivals,
      close() {
        server.stop();
        arrivals.close();
      },
    };
  } catch (error) {
    throw failureOf(error, place, tls === undefined ? "INVALID_OPTION" : "TLS_FAILED");
  }
}
