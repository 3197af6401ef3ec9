/** Connections by Node's own sockets, `node:net` and `node:tls`. */

import net from "node:net";
import tls from "node:tls";
import { KafkaError } from "../base/errors.ts";
import { realWorld } from "../base/world.ts";
import { brokerOf, checkTarget, closedHere, failureOf } from "./failure.ts";
import { Arrivals, Inbox } from "./inbox.ts";
import type { Address, DialOptions, Listener, ListenOptions, TlsOptions, Transport } from "./transport.ts";

const STAGING_BYTES = 64 * 1024;

/** How long one address of a name may take; Node's own 250 ms gives up hosts that are merely far away. */
const ADDRESS_ATTEMPT_MS = 2_000;

const KEEP_ALIVE_MS = 60_000;

class NodeTransport implements Transport {
  readonly #broker: string;
  readonly #inbox: Inbox;
  #socket!: net.Socket;
  #staging: Uint8Array | undefined;
  #direct = false;
  #error: KafkaError | undefined;

  constructor(broker: string) {
    this.#broker = broker;
    this.#inbox = new Inbox(realWorld, broker, () => this.#socket.resume());
  }

  /** Goes into a socket's options: its bytes then land in our arrays, and in the reader's own while one waits. */
  readonly onread: net.OnReadOpts = {
    // Asked for before the first bytes and after each callback; there must always be room in what it gives.
    buffer: (): Uint8Array => {
      const target = this.#inbox.target;
      this.#direct = target !== undefined;
      return target ?? (this.#staging ??= new Uint8Array(STAGING_BYTES));
    },
    // False stops a plain socket; TLS calls again with what it has decrypted, which the inbox takes too.
    callback: (count: number, bytes: Uint8Array): boolean => {
      if (!this.#direct) return this.#inbox.push(bytes.subarray(0, count), false);
      this.#inbox.arrived(count);
      return true;
    },
  };

  /** Takes over a socket that is open. */
  attach(socket: net.Socket): this {
    this.#socket = socket;
    socket.on("error", (error) => this.#fail(error));
    socket.on("end", () => this.#inbox.end());
    socket.on("close", () => this.#fail(closedByPeer(this.#broker)));
    socket.resume(); // else nothing tells of the end
    return this;
  }

  /** Takes over a socket that a listener has accepted, which knows nothing of `onread`. */
  attachAccepted(socket: net.Socket): this {
    socket.on("data", (bytes: Uint8Array) => {
      if (!this.#inbox.push(bytes, true)) socket.pause();
    });
    return this.attach(socket);
  }

  read(into: Uint8Array, atLeast?: number): Promise<number | null> {
    return this.#inbox.read(into, atLeast);
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const last = chunks.length - 1;
    if (last < 0) return Promise.resolve();
    const written = realWorld.deferred<void>("a write");
    const done = (error?: Error | null) => error ? written.reject(this.#fail(error)) : written.resolve();
    if (last === 0) {
      this.#socket.write(chunks[0]!, done);
      return written.promise;
    }
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(chunks[i]!);
    this.#socket.write(chunks[last]!, done);
    this.#socket.uncork();
    return written.promise;
  }

  close(): void {
    this.#error ??= closedHere(this.#broker);
    this.#inbox.close();
    this.#socket.destroy(); // its waiting writes end with the error from above
  }

  /** The first error is the error. An end that has been told hides what comes after it from the reader. */
  #fail(error: unknown): KafkaError {
    this.#error ??= failureOf(error, this.#broker, "CONNECTION_RESET");
    this.#inbox.end(this.#error);
    return this.#error;
  }
}

function closedByPeer(broker: string): KafkaError {
  return new KafkaError("CONNECTION_CLOSED", `${broker} has closed the connection`, { broker });
}

/** Options of `tls.connect`: what to believe, what to show, and for which name the peer's certificate must be. */
function secureOptions(host: string, { ca, cert, key, serverName }: TlsOptions): tls.ConnectionOptions {
  const name = serverName ?? host;
  return {
    // As in Java and on Deno, whatever stands in `ca` is believed, be it an authority that another has signed.
    ...(ca !== undefined && { ca, allowPartialTrustChain: true }),
    ...(cert !== undefined && { cert, key }),
    ...(net.isIP(name) === 0 && { servername: name }), // TLS cannot ask for an address by name
    checkServerIdentity: (_host, certificate) => otherName(name, certificate),
  };
}

/** Node's error for a certificate of another name carries all of it along: its words are enough. */
function otherName(name: string, certificate: tls.PeerCertificate): Error | undefined {
  const error = tls.checkServerIdentity(name, certificate) as NodeJS.ErrnoException | undefined;
  return error && Object.assign(new Error(error.message), { code: error.code });
}

function open({ host, port }: Address, secure: TlsOptions | undefined, onread: net.OnReadOpts): net.Socket {
  const target = { host, port, onread, autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS };
  const socket = secure ? tls.connect({ ...target, ...secureOptions(host, secure) }) : net.connect(target);
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS); // as options they would be lost under TLS
}

/** Resolves when the socket is the transport's; else the socket is gone. */
function connected(socket: net.Socket, transport: NodeTransport, broker: string, options: DialOptions): Promise<void> {
  const { tls: secure, signal } = options;
  const opened = realWorld.deferred<void>(`a connection to ${broker}`);
  let hasTcp = false;
  const over = () => {
    signal?.removeEventListener("abort", abort);
    socket.off("connect", tcp).off("error", fail).off("close", close);
  };
  const giveUp = (error: unknown) => {
    over();
    socket.on("error", () => {}).destroy();
    opened.reject(error);
  };
  const abort = () => giveUp(signal!.reason);
  const fail = (error: unknown) => giveUp(failureOf(error, broker, hasTcp ? "TLS_FAILED" : "HOST_UNREACHABLE"));
  const close = () => giveUp(new KafkaError("CONNECTION_RESET", `${broker} hung up while we connected`, { broker }));
  const tcp = () => {
    hasTcp = true;
  };
  socket.on("connect", tcp).on("error", fail).on("close", close);
  signal?.addEventListener("abort", abort, { once: true });
  // In the event itself, not after an await: the next event may be an error already.
  socket.once(secure ? "secureConnect" : "connect", () => {
    over();
    transport.attach(socket);
    opened.resolve();
  });
  return opened.promise;
}

/** Connects by Node's sockets. */
export async function dial(address: Address, options: DialOptions = {}): Promise<Transport> {
  options.signal?.throwIfAborted();
  checkTarget(address, options.tls);
  const broker = brokerOf(address);
  const transport = new NodeTransport(broker);
  let socket: net.Socket;
  try {
    socket = open(address, options.tls, transport.onread);
  } catch (error) { // PEM that cannot be read
    throw failureOf(error, broker, "TLS_FAILED");
  }
  await connected(socket, transport, broker, options);
  return transport;
}

/** How long a client of a TLS listener may take for its handshake. */
const HANDSHAKE_MS = 10_000;

function serverOf(secure: TlsOptions | undefined, accept: (socket: net.Socket) => void): net.Server {
  if (secure === undefined) return net.createServer(accept);
  const { ca, cert, key } = secure;
  const asked = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
  const server = tls.createServer({ cert, key, ...asked, handshakeTimeout: HANDSHAKE_MS }, accept);
  return server.on("tlsClientError", () => {}); // the client's affair
}

/** Listens by Node's sockets; with `tls.ca`, clients must show a certificate of such an authority. */
export async function listen(address: Address, { tls: secure }: ListenOptions = {}): Promise<Listener> {
  checkTarget(address, secure);
  if (secure !== undefined && secure.cert === undefined) {
    throw new KafkaError("INVALID_OPTION", "Who listens with TLS needs tls.cert and tls.key");
  }
  const place = brokerOf(address);
  const arrivals = new Arrivals(realWorld, place);
  const listening = realWorld.deferred<void>(`listening at ${place}`);
  let server: net.Server;
  try {
    server = serverOf(secure, (socket) => {
      arrivals.push(new NodeTransport(place).attachAccepted(socket.setNoDelay(true)));
    });
  } catch (error) {
    throw failureOf(error, place, "TLS_FAILED");
  }
  server.on("error", (error) => listening.reject(failureOf(error, place, "INVALID_OPTION")));
  server.listen(address.port, address.host, () => listening.resolve());
  await listening.promise;
  const { address: host, port } = server.address() as net.AddressInfo;
  return {
    address: { host, port },
    [Symbol.asyncIterator]: () => arrivals,
    close() {
      server.close();
      arrivals.close();
    },
  };
}
