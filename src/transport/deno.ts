/** Connections by Deno's own sockets. */

import { abortable } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import { type Deferred, realWorld } from "../base/world.ts";
import { brokerOf, checkTarget, closedHere, failureOf } from "./failure.ts";
import { joined } from "./joining.ts";
import type { Address, DialOptions, Listener, ListenOptions, TlsOptions, Transport } from "./transport.ts";

const SCRATCH_BYTES = 64 * 1024;

interface Write {
  readonly chunks: readonly Uint8Array[];
  readonly done: Deferred<void>;
}

class DenoTransport implements Transport {
  readonly #conn: Deno.Conn;
  readonly #broker: string;
  readonly #writes: Write[] = [];
  #scratch: Uint8Array | undefined;
  #error: KafkaError | undefined;
  #closed = false;

  constructor(conn: Deno.Conn, broker: string) {
    this.#conn = conn;
    this.#broker = broker;
  }

  read(into: Uint8Array, atLeast = 1): Promise<number | null> {
    if (this.#closed) return Promise.resolve(null);
    return this.#conn.read(into).then(
      (count) => count === null ? this.#ended() : count >= atLeast ? count : this.#readOn(into, count, atLeast),
      (error) => this.#ended(error),
    );
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const done = realWorld.deferred<void>("a write");
    this.#writes.push({ chunks, done });
    if (this.#writes.length === 1) this.#writeAll();
    return done.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fail(closedHere(this.#broker));
    closeQuietly(this.#conn);
  }

  async #readOn(into: Uint8Array, filled: number, atLeast: number): Promise<number | null> {
    try {
      while (filled < atLeast && filled < into.length) {
        const count = await this.#conn.read(into.subarray(filled));
        if (count === null) break;
        filled += count;
      }
    } catch (error) {
      if (!this.#closed) this.#fail(error);
    }
    return filled; // what went wrong is told by the next read
  }

  /** One after the other: the platform may take a part of an array, and two writes at once would mix. */
  async #writeAll(): Promise<void> {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      try {
        await this.#write(write.chunks);
        if (this.#writes.shift() !== undefined) write.done.resolve();
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  async #write(chunks: readonly Uint8Array[]): Promise<void> {
    const pieces = chunks.length < 2 ? chunks : joined(chunks, this.#scratch ??= new Uint8Array(SCRATCH_BYTES));
    for (let piece of pieces) {
      while (piece.length > 0) piece = piece.subarray(await this.#conn.write(piece));
    }
  }

  /**
   * A read found the end. After a failure the platform calls it a clean one: the first error is remembered. But a write that was
   * reset while a peer's refusal lay unread tells nothing, and the refusal why.
   */
  #ended(error?: unknown): null {
    if (this.#closed) return null;
    if (error === undefined && this.#error === undefined) return null;
    const told = error === undefined ? undefined : failureOf(error, this.#broker, "CONNECTION_RESET");
    if (told?.code === "TLS_FAILED" && this.#error?.code === "CONNECTION_RESET") this.#error = told;
    throw this.#fail(told);
  }

  /** The first error is the error, of everything that waits and that will be asked. */
  #fail(error: unknown): KafkaError {
    this.#error ??= failureOf(error, this.#broker, "CONNECTION_RESET");
    for (const write of this.#writes.splice(0)) write.done.reject(this.#error);
    return this.#error;
  }
}

/** A connection that failed or was aborted may be closed already, and the platform throws then. */
function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch { /* it is closed */ }
}

/** Shakes hands, or closes. An abort does not wait for the platform. */
async function shaken(conn: Deno.TlsConn, broker: string, signal?: AbortSignal): Promise<Deno.TlsConn> {
  try {
    await abortable(realWorld, "TLS handshake", conn.handshake(), signal);
    return conn;
  } catch (thrown) {
    const error = failureOf(thrown, broker, "TLS_FAILED");
    const refusal = error.code === "CONNECTION_RESET" ? await refusalIn(conn, signal) : undefined;
    closeQuietly(conn);
    throw refusal === undefined ? error : failureOf(refusal, broker, "TLS_FAILED");
  }
}

/** What a peer said before it hung up on our writing, if it said anything: that lies unread. */
async function refusalIn(conn: Deno.TlsConn, signal?: AbortSignal): Promise<unknown> {
  try {
    await abortable(realWorld, "TLS refusal", conn.read(new Uint8Array(1)), signal);
    return undefined;
  } catch (error) {
    return error instanceof Deno.errors.InvalidData ? error : undefined;
  }
}

/** TLS over TCP that is open already: so the name to verify may differ from the host, and both phases can be aborted. */
async function secure(address: Address, tls: TlsOptions, signal?: AbortSignal): Promise<Deno.TlsConn> {
  const tcp = await connect(address, signal);
  const broker = brokerOf(address);
  let conn: Deno.TlsConn;
  try {
    const caCerts = tls.ca === undefined ? [] : [tls.ca];
    conn = await Deno.startTls(tcp, { hostname: tls.serverName ?? address.host, caCerts });
  } catch (error) {
    closeQuietly(tcp);
    throw failureOf(error, broker, "TLS_FAILED");
  }
  return await shaken(conn, broker, signal);
}

/** TLS with a certificate of our own, which only `connectTls` takes; it takes neither a signal nor a name to verify. */
async function secureBothWays(address: Address, tls: TlsOptions, signal?: AbortSignal): Promise<Deno.TlsConn> {
  const { host: hostname, port } = address;
  const broker = brokerOf(address);
  if (tls.serverName !== undefined && tls.serverName !== hostname) {
    const detail = `${broker}: Deno cannot verify tls.serverName where it shows a certificate (tls.cert)`;
    throw new KafkaError("UNSUPPORTED_FEATURE", detail, { broker });
  }
  const caCerts = tls.ca === undefined ? [] : [tls.ca];
  const connecting = Deno.connectTls({ hostname, port, caCerts, cert: tls.cert!, key: tls.key! });
  try {
    return await shaken(await abortable(realWorld, "TCP connection", connecting, signal), broker, signal);
  } catch (error) {
    connecting.then(closeQuietly, () => {});
    throw error;
  }
}

async function connect({ host: hostname, port }: Address, signal?: AbortSignal): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname, port, ...(signal && { signal }) });
  if (signal?.aborted) {
    conn.close();
    throw signal.reason;
  }
  conn.setNoDelay(true);
  conn.setKeepAlive(true);
  return conn;
}

/**
 * Connects by Deno's sockets. What is Deno's own: `tls.ca` is believed besides the roots of the platform, not instead of
 * them; `tls.serverName` together with `tls.cert` is an `UNSUPPORTED_FEATURE`; a dial that is aborted while a silent peer
 * lets the TLS handshake wait leaves its socket open until that peer closes it.
 */
export async function dial(address: Address, { tls, signal }: DialOptions = {}): Promise<Transport> {
  signal?.throwIfAborted();
  checkTarget(address, tls);
  const broker = brokerOf(address);
  try {
    if (tls === undefined) return new DenoTransport(await connect(address, signal), broker);
    const secured = tls.cert === undefined ? secure(address, tls, signal) : secureBothWays(address, tls, signal);
    return new DenoTransport(await secured, broker);
  } catch (error) {
    signal?.throwIfAborted();
    throw failureOf(error, broker, tls === undefined ? "HOST_UNREACHABLE" : "TLS_FAILED"); // it has no name for a bad key
  }
}

/** Listens by Deno's sockets. With `tls`; but clients cannot be asked for certificates, so `tls.ca` is refused. */
// deno-lint-ignore require-await -- so that what is thrown rejects
export async function listen(address: Address, { tls }: ListenOptions = {}): Promise<Listener> {
  checkTarget(address, tls);
  if (tls?.ca !== undefined) {
    throw new KafkaError("UNSUPPORTED_FEATURE", "Deno's listener cannot ask clients for certificates (tls.ca)");
  }
  if (tls !== undefined && tls.cert === undefined) {
    throw new KafkaError("INVALID_OPTION", "Who listens with TLS needs tls.cert and tls.key");
  }
  try {
    const target = { hostname: address.host, port: address.port };
    return listenerOf(tls ? Deno.listenTls({ ...target, cert: tls.cert!, key: tls.key! }) : Deno.listen(target));
  } catch (error) {
    throw failureOf(error, brokerOf(address), tls === undefined ? "INVALID_OPTION" : "TLS_FAILED");
  }
}

function listenerOf(listener: Deno.Listener): Listener {
  const { hostname: host, port } = listener.addr as Deno.NetAddr;
  const place = brokerOf({ host, port });
  let closed = false;
  const next = async (): Promise<IteratorResult<Transport>> => {
    while (!closed) {
      try {
        const conn = await listener.accept();
        if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true); // over TLS there is none
        return { done: false, value: new DenoTransport(conn, place) };
      } catch (error) {
        if (!closed) throw failureOf(error, place, "CONNECTION_RESET");
      }
    }
    return { done: true, value: undefined };
  };
  return {
    address: { host, port },
    [Symbol.asyncIterator]: () => ({ next }),
    close() {
      if (closed) return;
      closed = true;
      listener.close();
    },
  };
}
