/** The other side of a page's WebSocket: connects to brokers for it, but only to those that it is told of. */

import { withDeadline } from "../base/async.ts";
import { KafkaError, type OwnCode } from "../base/errors.ts";
import { checkOptions, type OptionRules, someFunction, someObject, someText, wholeNumber } from "../base/options.ts";
import { realWorld, type Timer } from "../base/world.ts";
import { brokerOf, failureOf } from "./failure.ts";
import { checkIdentity, checkTls } from "./pem.ts";
import type { Address, Dial, TlsOptions, Transport } from "./transport.ts";
import { SUBPROTOCOL, Tunnel, type TunnelSocket } from "./tunnel.ts";

/** What a bridge forwards, and for whom. */
export interface BridgeOptions {
  /**
   * What may be connected to: `"host:port"` as brokers call themselves, IPv6 in brackets. A `*` in a host stands for a part of a name
   * between dots, as in `"*.kafka.example:9092"`; as a port it stands for any. All else is refused.
   */
  readonly allow: readonly string[];
  /**
   * The pages that may use it, by their origin, as `"https://app.example"`; `"*"` is all. If not said, pages of the bridge's own
   * host and port. Who sends no origin is no page and is let in: a bridge checks no passwords, SASL does.
   */
  readonly origins?: readonly string[] | undefined;
  /** With TLS to the brokers, if given; looked over before it listens. What goes wrong is told to clients as `TLS_FAILED`. */
  readonly tls?: TlsOptions | undefined;
  /** Connections at a time; 1,000 if not said. Each holds 2 MiB at most, when neither end reads. */
  readonly connectionsMax?: number | undefined;
  /** Milliseconds after which a connection is closed through which nothing goes, checked as often; 600,000 if not said, as brokers do. */
  readonly idleMs?: number | undefined;
  /** Milliseconds for connecting to a broker; 10,000 if not said. */
  readonly connectTimeoutMs?: number | undefined;
}

/** A bridge that listens. */
export interface BridgeServer {
  /** Where it listens: with the port that was chosen, if 0 was asked for. */
  readonly address: Address;
  /** How many connections it forwards now. */
  readonly connections: number;
  /** Stops listening, and ends every connection. */
  close(): Promise<void>;
}

/** How a bridge listens. */
export interface BridgeServerOptions extends BridgeOptions {
  /** The address to listen at; `"127.0.0.1"` if not said. */
  readonly host?: string | undefined;
  /** The port to listen at; 0, any free one, if not said. */
  readonly port?: number | undefined;
  /** The path of the bridge; any if not said. */
  readonly path?: string | undefined;
  /** The certificate and key of a `wss:` bridge, as PEM. */
  readonly listenTls?: { readonly cert: string; readonly key: string } | undefined;
  /** Answers what is no WebSocket, the page itself say; 404 if not said. */
  readonly respond?: ((request: Request) => Response | Promise<Response>) | undefined;
}

const texts = {
  allowed: "a list of texts",
  accepts: (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "string"),
};

const MS_MAX = 0x7fffffff;

const RULES: OptionRules<BridgeServerOptions> = {
  allow: texts,
  origins: texts,
  tls: someObject,
  connectionsMax: wholeNumber(1, MS_MAX),
  idleMs: wholeNumber(1, MS_MAX),
  connectTimeoutMs: wholeNumber(1, MS_MAX),
  host: someText,
  port: wholeNumber(0, 65_535),
  path: { allowed: 'a path like "/bridge"', accepts: (value) => typeof value === "string" && value.startsWith("/") },
  listenTls: someObject,
  respond: someFunction,
};

const DEFAULTS = {
  connectionsMax: 1000,
  idleMs: 600_000,
  connectTimeoutMs: 10_000,
  host: "127.0.0.1",
  port: 0,
} as const;

/** What is asked for, `host:port` or `[IPv6]:port`. */
const TARGET = /^(?:\[([\da-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i;

const PATTERN = /^(?:\[[\da-f:.]+\]|[\w.*-]+):(?:\d{1,5}|\*)$/i;

/** How long the last bytes of a page that has closed may take to get to the broker. */
const LINGER_MS = 5_000;

/** How long a broker that takes no more bytes may take to say why. */
const LAST_WORDS_MS = 1_000;

const BUFFER_BYTES = 64 * 1024;

/** What the HTTP server of a platform knows of a request to open a WebSocket. */
export interface Upgrade {
  /** The path with the query. */
  readonly url: string;
  /** The headers `Origin`, `Host` and `Sec-WebSocket-Protocol`, as far as they are there. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  readonly protocols: string | undefined;
}

/** A bridge without its HTTP server, which asks `refusal` and then gives the WebSocket to `accept`. */
export class Bridge {
  /** What is to be listened at. */
  readonly address: Address;
  readonly #options: ReturnType<typeof checked>;
  readonly #dial: Dial;
  readonly #allow: readonly RegExp[];
  readonly #open = new Set<Tunnel>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  /** Throws `INVALID_OPTION`. */
  constructor(options: BridgeServerOptions, dial: Dial) {
    this.#options = checked(options);
    this.#allow = this.#options.allow.map(patternOf);
    this.address = { host: this.#options.host, port: this.#options.port };
    this.#dial = dial;
  }

  /** How many connections it forwards now. */
  get connections(): number {
    return this.#open.size;
  }

  /** The HTTP status with which the upgrade is to be refused; undefined if it is fine. */
  refusal({ url, origin, host, protocols = "" }: Upgrade): number | undefined {
    const { path, origins } = this.#options;
    if (path !== undefined && url.split("?", 1)[0] !== path) return 404;
    if (!protocols.split(",").some((one) => one.trim() === SUBPROTOCOL)) return 400;
    if (origin === undefined) return undefined;
    const isOwn = origin.replace(/^https?:\/\//, "") === host;
    const isKnown = origins === undefined ? isOwn : origins.includes("*") || origins.includes(origin);
    return isKnown ? undefined : 403;
  }

  /** Answers a request that is no upgrade. */
  async respond(request: Request): Promise<Response> {
    return await this.#options.respond?.(request) ??
      new Response("There is a bridge of WebSockets here", { status: 404 });
  }

  /** Takes over a WebSocket that is open; what it says is to be told to the tunnel. */
  accept(url: string, socket: TunnelSocket): Tunnel {
    const target = new URLSearchParams(url.slice(url.indexOf("?"))).get("to") ?? "";
    const match = TARGET.exec(target);
    const address = { host: match?.[1] ?? match?.[2] ?? "", port: Number(match?.[3]) };
    const left: { timer?: Timer; transport?: Transport } = {};
    const gone = new AbortController();
    const tunnel = new Tunnel(socket, target, {
      closed: (isClean) => {
        gone.abort(failureOf("the page has gone", target, "CONNECTION_CLOSED"));
        if (!isClean) left.transport?.close();
        else if (this.#open.has(tunnel)) left.timer = realWorld.timer(LINGER_MS, () => left.transport?.close());
      },
    });
    const refused = this.#refused(target, match !== null);
    if (refused !== undefined) {
      tunnel.fail(refused);
      return tunnel;
    }
    this.#open.add(tunnel);
    const task = realWorld.task(`the bridge to ${target}`, async () => {
      let quiet: Timer | undefined;
      try {
        const transport = left.transport = await this.#connect(address, gone.signal);
        tunnel.open();
        quiet = this.#whenQuiet(tunnel);
        await both(tunnel, transport);
      } catch (error) {
        tunnel.fail(asTold(failureOf(error, target, "HOST_UNREACHABLE")));
      }
      quiet?.cancel();
      left.timer?.cancel();
      this.#open.delete(tunnel);
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
    return tunnel;
  }

  /** Ends every connection, and waits until nothing is left of them. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const tunnel of this.#open) tunnel.fail(new KafkaError("CONNECTION_CLOSED", "The bridge is closing"));
    await Promise.all(this.#tasks);
  }

  #refused(target: string, isTarget: boolean): KafkaError | undefined {
    const { connectionsMax } = this.#options;
    if (!isTarget) return new KafkaError("INVALID_OPTION", 'The bridge was not told "host:port" to connect to');
    if (this.#stop.signal.aborted) return new KafkaError("CONNECTION_REFUSED", "The bridge is closing");
    if (!this.#allow.some((pattern) => pattern.test(target))) {
      return new KafkaError("INVALID_OPTION", `${target}: the bridge is not allowed to connect to it`);
    }
    if (this.#open.size < connectionsMax) return undefined;
    return new KafkaError("CONNECTION_REFUSED", `${target}: the bridge has ${connectionsMax} connections, its limit`);
  }

  #connect(address: Address, signal: AbortSignal): Promise<Transport> {
    const { tls, connectTimeoutMs } = this.#options;
    const late = () => failureOf(`no connection within ${connectTimeoutMs} ms`, brokerOf(address), "CONNECT_TIMEOUT");
    return withDeadline(
      realWorld,
      connectTimeoutMs,
      signal,
      late,
      (deadline) => this.#dial(address, { tls, signal: deadline.signal }),
    );
  }

  /** Closes a tunnel through which nothing has gone between two looks. */
  #whenQuiet(tunnel: Tunnel): Timer {
    const { idleMs } = this.#options;
    let moved = -1;
    const look = () => {
      if (moved === tunnel.moved) return tunnel.close();
      moved = tunnel.moved;
      timer = realWorld.timer(idleMs, look);
    };
    let timer = realWorld.timer(idleMs, look);
    return { cancel: () => timer.cancel() };
  }
}

function checked(options: BridgeServerOptions) {
  const all = checkOptions<BridgeServerOptions, typeof DEFAULTS>("serveBridge", options, RULES, DEFAULTS);
  if (all.tls !== undefined) checkTls(all.tls);
  if (all.listenTls !== undefined) checkIdentity("listenTls", all.listenTls);
  if (all.allow !== undefined) return all;
  throw new KafkaError(
    "INVALID_OPTION",
    `serveBridge: allow is missing; it must be a list like ["kafka.example:9092"]`,
  );
}

/** A pattern of what is allowed, as a test of a whole target. */
function patternOf(text: string): RegExp {
  if (!PATTERN.test(text)) {
    throw new KafkaError("INVALID_OPTION", `serveBridge: allow: ${JSON.stringify(text)} is not like "host:9092"`);
  }
  const [, host, port] = /^(.*):([^:]*)$/.exec(text)!;
  const escaped = host!.replaceAll(/[.[\]-]/g, "\\$&").replaceAll("*", "[^.:]+");
  return new RegExp(`^${escaped}:${port === "*" ? "\\d+" : port}$`, "i");
}

/** The same error in other words. */
function reworded(error: KafkaError, reword: (words: string) => string): KafkaError {
  const { code, message, broker, cause } = error;
  return new KafkaError(code as OwnCode, reword(message.slice(code.length + 2)), { broker, cause });
}

/** What a client is told, which has an option `tls` as well: that is not the one. */
function asTold(error: KafkaError): KafkaError {
  if (error.code !== "TLS_FAILED") return error;
  return reworded(error, (words) => words.replace(/\bthe (options? tls\b)/, "the bridge's $1"));
}

/** Why a server does not listen: what a platform has no name for is the certificate, if there is one. */
export function notListening(thrown: unknown, address: Address, { listenTls }: BridgeServerOptions): KafkaError {
  const hasName = /^E[A-Z]+$/.test(String((thrown as { readonly code?: unknown }).code));
  const error = failureOf(
    thrown,
    brokerOf(address),
    listenTls === undefined || hasName ? "INVALID_OPTION" : "TLS_FAILED",
  );
  return reworded(error, (words) => words.replaceAll(/\btls\.(?=cert|key)/g, "listenTls."));
}

/** Copies from each end to the other until one has ended; then both have. */
async function both(tunnel: Tunnel, transport: Transport): Promise<void> {
  let unsent: unknown;
  let late: Timer | undefined;
  const up = copy(tunnel, transport).then(
    (error) => {
      if (error === undefined) return transport.close();
      // A broker that does not believe our certificate says so and hangs up. Whoever writes then is reset, and why can still be read.
      unsent = error;
      late = realWorld.timer(LAST_WORDS_MS, () => transport.close());
    },
    () => transport.close(),
  );
  try {
    const failed = await copy(transport, tunnel) ?? unsent;
    if (failed !== undefined) throw failed;
    tunnel.close();
  } catch (error) {
    tunnel.fail(asTold(failureOf(error, "", "CONNECTION_RESET"))); // where the tunnel itself has failed, that changes nothing
    transport.close();
  }
  await up;
  late?.cancel();
}

/**
 * One way: no byte is read before the last have gone, and so each end slows the other. Resolves at the end of `from`, or with what
 * kept `to` from taking more; rejects with what `from` has failed by.
 */
async function copy(from: Transport, to: Transport): Promise<unknown> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    try {
      await to.write([buffer.subarray(0, count)]);
    } catch (error) {
      return error;
    }
  }
  return undefined;
}
