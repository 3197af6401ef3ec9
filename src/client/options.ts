/** Every option of a client, its default and what is allowed, checked in one place. */

import { KafkaError } from "../base/errors.ts";
import type { ClientEvent } from "../base/events.ts";
import type { Logger } from "../base/log.ts";
import {
  brief,
  type Checked,
  checkOptions,
  either,
  type OptionRules,
  someFunction,
  someInterceptors,
  someObject,
  someSignal,
  someText,
  trueOrFalse,
  wholeNumber,
} from "../base/options.ts";
import { Telemetry } from "../base/telemetry.ts";
import { realWorld, type World } from "../base/world.ts";
import type { ClusterSettings } from "../cluster/cluster.ts";
import { labelOf } from "../connection/open.ts";
import type { SaslMechanism } from "../connection/sasl/mechanism.ts";
import type { ConsumerInterceptor } from "../consumer/interceptors.ts";
import type { ProducerInterceptor } from "../producer/interceptors.ts";
import type { Codecs } from "../records/compression.ts";
import type { Address, Dial, TlsOptions } from "../transport/transport.ts";

/** How a client finds its cluster, and how it behaves. A door fills in `dial` and `codecs`. */
export interface ConnectOptions {
  /** Brokers to ask first, as `"host:port,host:port"` or a list of such texts; port 9092 if not said. One that answers is enough. */
  readonly hosts: string | readonly string[];
  /** What brokers write into their logs about this client; `"samsa"` if not said. */
  readonly clientId?: string | undefined;
  /** With TLS: `true` for the platform's own authorities, or what to believe and show; a function is asked at each dial. */
  readonly tls?: boolean | TlsOptions | (() => TlsOptions | Promise<TlsOptions>) | undefined;
  /**
   * How to authenticate: `plain({ … })`, `scramSha256({ … })`, `scramSha512({ … })`, `oauthBearer({ … })`, `awsMskIam({ … })`, or a
   * {@linkcode SaslMechanism} of your own. What a broker refuses fails with its own code, as `SASL_AUTHENTICATION_FAILED`: `connect()`
   * at once if all hosts do, and later each call that needs a new connection. Nobody if not said.
   */
  readonly sasl?: SaslMechanism | undefined;
  /** Where a broker that calls itself so is really reached, through a tunnel or NAT. */
  readonly mapAddress?: ((host: string, port: number) => Address) | undefined;
  /** Milliseconds for one dial with its handshakes; 10,000 if not said. */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds for `connect()`: all hosts, again and again; 10,000 if not said. */
  readonly bootstrapTimeoutMs?: number | undefined;
  /** Milliseconds for the answer to one request, and for a call that needs a few; 30,000 if not said. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds after which metadata is fetched anew; 300,000 if not said. */
  readonly metadataMaxAgeMs?: number | undefined;
  /** Milliseconds after which a connection on which nothing happens is closed; 240,000 if not said; 0 or Infinity: never. */
  readonly connectionsMaxIdleMs?: number | undefined;
  /** Milliseconds before the second try; 100 if not said. It doubles, ± 20 %. */
  readonly backoffMs?: number | undefined;
  /** Milliseconds between tries at most; 1,000 if not said. */
  readonly backoffMsMax?: number | undefined;
  /** The largest frame, in bytes, that a broker may send; 1,073,741,824 if not said. It is allocated as it arrives. */
  readonly frameBytesMax?: number | undefined;
  /** Codecs of your own beside, or instead of, the platform's. */
  readonly codecs?: Codecs | undefined;
  /** Told of what the client does, while it does it; see {@linkcode ClientEvent}. What it throws is an unhandled rejection. */
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
  /** Where to log to: `console`, or a logger with the same four methods; nowhere if not said. See {@linkcode Logger}. */
  readonly log?: Logger | undefined;
  /** See every message that is produced or consumed, in the order of the list; in front of those of a producer or a consumer. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Time and chance; the platform's if not said. Simulations give their own. */
  readonly world?: World | undefined;
  /** Ends the attempt to connect with its reason; afterwards it changes nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** What may be done with every message that a client produces or consumes: headers for traces, say, or encryption both ways. */
export interface Interceptor extends ProducerInterceptor, ConsumerInterceptor {}

/** The options of the core, to which a platform's way to connect has to be given. */
export interface ClientOptions extends ConnectOptions {
  /** How to connect: a door's `dial`, an embedded cluster's, or your own. */
  readonly dial: Dial;
}

const MS_MAX = 0x7fffffff;
const PORT = 9092;
const LEVELS = ["debug", "info", "warn", "error"];

const rules: OptionRules<ClientOptions> = {
  hosts: {
    allowed: 'a text like "host:9092,other:9092", or a list of such texts',
    accepts: (value) => [value].flat().every((one) => typeof one === "string"),
  },
  clientId: someText,
  tls: either(trueOrFalse, someObject, someFunction),
  sasl: {
    allowed: "a SASL mechanism, as plain({ … }) gives it: an object with a name and a function authenticate",
    accepts: (value) => {
      if (typeof value !== "object" || value === null) return false;
      const { name, authenticate } = value as Record<string, unknown>;
      return typeof name === "string" && typeof authenticate === "function";
    },
  },
  mapAddress: someFunction,
  connectTimeoutMs: wholeNumber(1, MS_MAX),
  bootstrapTimeoutMs: wholeNumber(1, MS_MAX),
  requestTimeoutMs: wholeNumber(1, MS_MAX),
  metadataMaxAgeMs: wholeNumber(1, MS_MAX),
  connectionsMaxIdleMs: either(wholeNumber(0, MS_MAX), {
    allowed: "Infinity",
    accepts: (value) => value === Infinity,
  }),
  backoffMs: wholeNumber(0, MS_MAX),
  backoffMsMax: wholeNumber(0, MS_MAX),
  frameBytesMax: wholeNumber(1024, MS_MAX),
  codecs: someObject,
  onEvent: someFunction,
  log: {
    allowed: "an object with functions debug, info, warn and error",
    accepts: (value) =>
      typeof value === "object" && value !== null &&
      LEVELS.every((level) => typeof (value as Record<string, unknown>)[level] === "function"),
  },
  interceptors: someInterceptors,
  world: someObject,
  signal: someSignal,
  dial: someFunction,
};

const defaults = {
  clientId: "samsa",
  connectTimeoutMs: 10_000,
  bootstrapTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  metadataMaxAgeMs: 300_000,
  connectionsMaxIdleMs: 240_000,
  backoffMs: 100,
  backoffMsMax: 1_000,
  frameBytesMax: 1024 * 1024 * 1024,
} as const;

/** What a client works with. */
export interface ClientSettings extends ClusterSettings {
  readonly codecs: Codecs;
  readonly interceptors: readonly Interceptor[];
}

/** Checks the options of a client; `INVALID_OPTION` names the one that is wrong, and what is allowed. */
export function clientSettings(options: ClientOptions): ClientSettings {
  const checked = checkOptions<ClientOptions, typeof defaults>("connect", options, rules, defaults);
  const { hosts, tls, mapAddress, world = realWorld, codecs = {}, interceptors = [] } = checked;
  if (hosts === undefined) {
    throw new KafkaError("INVALID_OPTION", `connect: hosts is missing; it must be ${rules.hosts.allowed}`);
  }
  if (checked.dial === undefined) throw new KafkaError("INVALID_OPTION", "connect: dial is missing; a door gives one");
  return {
    ...checked,
    world,
    codecs,
    interceptors,
    telemetry: new Telemetry(world, checked),
    hosts: addressesOf(hosts),
    tls: tlsOf(tls),
    mapAddress: mapAddress ?? ((host, port) => ({ host, port })),
  };
}

function tlsOf(tls: Checked<ClientOptions, typeof defaults>["tls"]): ClientSettings["tls"] {
  if (tls === undefined || tls === false) return undefined;
  if (typeof tls === "function") return tls;
  return () => tls === true ? {} : tls;
}

/** Splits hosts into addresses: names, IPv4, and IPv6 in brackets; each once. */
function addressesOf(hosts: string | readonly string[]): Address[] {
  const texts = [hosts].flat().flatMap((text) => text.split(",")).map((text) => text.trim()).filter((text) =>
    text !== ""
  );
  const addresses = new Map(texts.map((text) => {
    const address = addressOf(text);
    return [labelOf(address), address];
  }));
  if (addresses.size > 0) return [...addresses.values()];
  throw new KafkaError("INVALID_OPTION", `connect: hosts names no host; it must be ${rules.hosts.allowed}`);
}

function addressOf(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s/]+))(?::(\d+))?$/.exec(text);
  const port = match?.[3] === undefined ? PORT : Number(match[3]);
  if (match && port > 0 && port < 65_536) return { host: match[1] ?? match[2]!, port };
  throw new KafkaError(
    "INVALID_OPTION",
    `connect: hosts: ${brief(text)} is not like "host:9092", with a port from 1 to 65535`,
  );
}
