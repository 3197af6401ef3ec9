/** From an address to a connection that is ready: dial, negotiate, and remember what the peer turned out to be. */

import { abortable, withDeadline } from "../base/async.ts";
import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { brief } from "../base/options.ts";
import type { Telemetry } from "../base/telemetry.ts";
import type { World } from "../base/world.ts";
import { saslHandshake } from "../protocol/sasl_handshake.ts";
import type { Address, Dial, TlsOptions, Transport } from "../transport/transport.ts";
import { Frames } from "../wire/frames.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import {
  API_VERSIONS_MAX,
  type Greeting,
  isOf08,
  type Line,
  negotiate,
  throwIfClear,
  throwIfTls,
} from "./negotiation.ts";
import { authenticate } from "./sasl/authenticate.ts";
import { refusal } from "./sasl/credentials.ts";
import { LineCarrier } from "./sasl/line.ts";
import type { SaslMechanism } from "./sasl/mechanism.ts";
import { type BrokerVersions, versionsOf082 } from "./versions.ts";

/** What all connections of a client have in common. */
export interface ConnectionSettings {
  readonly world: World;
  /** Where to report to. */
  readonly telemetry: Telemetry;
  readonly dial: Dial;
  readonly clientId: string;
  /** Asked at each dial, so that certificates may rotate; undefined: no TLS. */
  readonly tls: (() => TlsOptions | Promise<TlsOptions>) | undefined;
  /** How to authenticate; undefined: not at all. */
  readonly sasl?: SaslMechanism | undefined;
  /** Milliseconds for one dial with all that follows until the connection is ready. */
  readonly connectTimeoutMs: number;
  /** The largest frame that a broker may send, in bytes. */
  readonly frameBytesMax: number;
}

/** How long it is believed that an address speaks as a broker before 0.10 did; then it is asked again, it may be newer now. */
const MEMORY_MS = 5 * 60_000;

/** How long who hung up on TLS may take to answer in clear. */
const CLEAR_MS = 2_000;

/** How long a broker that starts may not know its users. */
const START_MS = 5_000;

interface Memory {
  /** The versions of a broker that cannot be asked. */
  readonly old?: BrokerVersions;
  /** The version of ApiVersions that a broker understood. */
  readonly apiVersionsVersion: number;
  readonly until: number;
}

/** Opens connections, and remembers of each address how its broker wants to be greeted. */
export class Opener {
  readonly #settings: ConnectionSettings;
  readonly #memory = new Map<string, Memory>();
  /** Who has let us in, and since when it has not any more. */
  readonly #refusing = new Map<string, number>();

  /** Settings for all connections. */
  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /**
   * Opens a connection. Rejects with what `dial` rejects with, `CONNECT_TIMEOUT`, `NOT_KAFKA`, `CONNECTION_CLOSED` when the
   * peer hangs up on whatever it is told, or the signal's reason.
   */
  async open(address: Address, signal?: AbortSignal): Promise<Connection> {
    const { world, connectTimeoutMs, telemetry } = this.#settings;
    const label = labelOf(address);
    const startedAt = world.now();
    const expired = () =>
      new KafkaError("CONNECT_TIMEOUT", `${label} was not ready within ${connectTimeoutMs} ms`, { broker: label });
    try {
      const open = ({ signal }: { readonly signal: AbortSignal }) => this.#open(address, label, signal);
      return await withDeadline(world, connectTimeoutMs, signal, expired, open);
    } catch (error) {
      telemetry.connectFailed(label, startedAt, error);
      throw error;
    }
  }

  /** What was remembered of an address turned out to be of no use. */
  forget(address: Address): void {
    this.#memory.delete(labelOf(address));
  }

  async #open(address: Address, label: string, signal: AbortSignal): Promise<Connection> {
    const { sasl } = this.#settings;
    if (sasl) return await this.#openSecured(address, label, signal, sasl);
    const remembered = this.#recall(label);
    if (remembered?.old) return await this.#openOld(address, label, signal, remembered.old);
    const first = await this.#withLine(address, label, signal, async (line) => {
      const greeting = await negotiate(line, remembered?.apiVersionsVersion ?? API_VERSIONS_MAX);
      return greeting === "hangup" ? undefined : this.#greeted(line, greeting);
    });
    if (first) return first;
    let isOld = false;
    const second = await this.#withLine(address, label, signal, async (line) => {
      const verdict = await isOf08(line);
      isOld = verdict === true;
      return typeof verdict === "boolean" ? undefined : this.#greeted(line, verdict);
    });
    if (second) return second;
    if (!isOld) return await this.#hungUp(address, label, signal);
    const connection = await this.#openOld(address, label, signal, versionsOf082);
    // Only now: a newer broker that is going down may hang up in the same way, but then nobody listens any more.
    this.#remember(label, { old: versionsOf082, apiVersionsVersion: 0 });
    return connection;
  }

  /**
   * With SASL there are no guesses: brokers before 0.10 speak none that is known here. Those before 1.0 hang up on wrong credentials
   * without a word. One that is going down does so too, but nobody listens there then: who hangs up again has meant it. But for one
   * that has let us in before and starts again: up to 0.11 it listens before it knows the users of SCRAM (seen for 0.3 s).
   */
  async #openSecured(address: Address, label: string, signal: AbortSignal, sasl: SaslMechanism): Promise<Connection> {
    const { world, telemetry, connectTimeoutMs } = this.#settings;
    const version = this.#recall(label)?.apiVersionsVersion ?? API_VERSIONS_MAX;
    for (let attempt = 1;; attempt++) {
      let hungUp = false;
      try {
        const connection = await this.#withLine(address, label, signal, async (line) => {
          const greeting = await negotiate(line, version, { probes: false });
          if (greeting === "hangup") return undefined;
          const { versions, nextCorrelationId } = greeting;
          const carrier = new LineCarrier(line, nextCorrelationId, () => hungUp = true);
          const startedAt = world.now();
          const party = { ...address, world, mechanism: sasl, label, versions };
          const session = await authenticate({ ...party, signal }, carrier);
          telemetry.authenticated(label, sasl.name, startedAt);
          const secured = { party, session, timeoutMs: connectTimeoutMs };
          return this.#greeted(line, { ...greeting, nextCorrelationId: carrier.nextCorrelationId }, secured);
        });
        if (connection) this.#refusing.set(label, Infinity);
        return connection ?? await this.#hungUp(address, label, signal);
      } catch (error) {
        if (!hungUp || !(error instanceof KafkaError) || signal.aborted) throw error;
        if (attempt > 1) throw error.with({ retriable: this.#mayStart(label) });
      }
    }
  }

  /** Whether a broker that refuses us without a word may only be starting. */
  #mayStart(label: string): boolean {
    const now = this.#settings.world.now();
    const known = this.#refusing.get(label);
    if (known === undefined) return false;
    const since = Math.min(known, now);
    this.#refusing.set(label, since);
    return now - since < START_MS;
  }

  /**
   * A listener that hangs up on the first request after ApiVersions may want SASL, of which it was told nothing. It says so when it is
   * asked for a mechanism that there is not: throws `ILLEGAL_SASL_STATE` then.
   */
  async throwIfSasl(address: Address, signal: AbortSignal): Promise<void> {
    if (this.#settings.sasl) return;
    const label = labelOf(address);
    await this.#withLine(address, label, signal, async (line) => {
      const greeting = await negotiate(line, this.#recall(label)?.apiVersionsVersion ?? API_VERSIONS_MAX);
      const version = greeting === "hangup" ? undefined : greeting.versions.best(saslHandshake);
      if (greeting === "hangup" || version === undefined) return undefined;
      const carrier = new LineCarrier(line, greeting.nextCorrelationId);
      const { errorCode, mechanisms } = await carrier.ask(saslHandshake, version, { mechanism: "" });
      if (errorCode !== errorNumbers.UNSUPPORTED_SASL_MECHANISM) return undefined;
      const detail = `${label} wants SASL (${mechanisms.join(", ")}): connect with the option sasl`;
      throw refusal(detail, { broker: label }, errorNumbers.ILLEGAL_SASL_STATE);
    });
  }

  async #hungUp(address: Address, label: string, signal: AbortSignal): Promise<never> {
    if (!this.#settings.tls) {
      await this.#withLine(address, label, signal, async (line) => {
        await throwIfTls(line);
        return undefined;
      });
    }
    const guess = this.#settings.sasl
      ? "is it no Kafka broker of 0.10 or later"
      : "does the listener want SASL, or is it no Kafka broker";
    const detail = `${label} hangs up on the first request; ${guess}`;
    throw new KafkaError("CONNECTION_CLOSED", detail, { broker: label });
  }

  async #openOld(address: Address, label: string, signal: AbortSignal, versions: BrokerVersions): Promise<Connection> {
    const open = (line: Line) => this.#connection(line, { versions, nextCorrelationId: 0 });
    return await this.#withLine(address, label, signal, open) as Connection;
  }

  #greeted(line: Line, greeting: Greeting, secured?: ConnectionParts["secured"]): Connection {
    const { versions, apiVersionsVersion } = greeting;
    this.#remember(line.label, { apiVersionsVersion, ...(versions.source === "0.9" && { old: versions }) });
    return this.#connection(line, greeting, secured);
  }

  /** Dials and hands the line over; closes it when nothing came of it, and at once when the signal aborts. */
  async #withLine(
    address: Address,
    label: string,
    signal: AbortSignal,
    use: (line: Line) => Connection | undefined | Promise<Connection | undefined>,
  ): Promise<Connection | undefined> {
    const startedAt = this.#settings.world.now();
    const transport = await this.#dial(address, label, signal);
    const close = () => transport.close();
    signal.addEventListener("abort", close, { once: true });
    let connection: Connection | undefined;
    try {
      signal.throwIfAborted();
      connection = await use(this.#line(transport, label, startedAt));
      signal.throwIfAborted();
      return connection;
    } catch (error) {
      if (connection) await connection.close();
      connection = undefined;
      signal.throwIfAborted();
      throw error instanceof KafkaError ? error.within({ broker: label }) : error;
    } finally {
      signal.removeEventListener("abort", close);
      if (!connection) transport.close();
    }
  }

  #line(transport: Transport, label: string, startedAt: number): Line {
    const { world, clientId, frameBytesMax } = this.#settings;
    return { world, transport, frames: new Frames(transport, frameBytesMax), clientId, label, startedAt };
  }

  /** Dials; where a greeting in TLS is hung up on, finds out whether that is because clear text is wanted. */
  async #dial(address: Address, label: string, signal: AbortSignal): Promise<Transport> {
    const { world, dial, tls } = this.#settings;
    try {
      return await dial(address, { signal, ...await this.#tlsFor(label, signal) });
    } catch (error) {
      if (!tls || !(error instanceof KafkaError) || error.code !== "CONNECTION_RESET") throw error;
      const startedAt = world.now();
      const transport = await dial(address, { signal }).catch(() => undefined);
      if (!transport) throw error;
      const close = () => transport.close();
      const late = world.timer(CLEAR_MS, close);
      signal.addEventListener("abort", close, { once: true });
      try {
        await throwIfClear(this.#line(transport, label, startedAt), error);
      } finally {
        signal.removeEventListener("abort", close);
        late.cancel();
        close();
      }
      throw error;
    }
  }

  /** The user's own function gives it: it may fail, and it may never end. */
  async #tlsFor(label: string, signal: AbortSignal): Promise<{ tls?: TlsOptions }> {
    const { world, tls } = this.#settings;
    if (!tls) return {};
    const asked = async () => {
      const given: unknown = await tls();
      if (typeof given === "object" && given !== null) return given;
      // Never in clear because a function forgot its return.
      throw new KafkaError("INVALID_OPTION", `The function tls must give an object, not ${brief(given)}`);
    };
    try {
      return { tls: await abortable(world, `TLS options for ${label}`, asked(), signal) };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof KafkaError) throw error.within({ broker: label });
      const why = error instanceof Error ? error.message : String(error);
      throw new KafkaError("TLS_FAILED", `The function that gives the TLS options for ${label} failed: ${why}`, {
        broker: label,
        cause: error,
        retriable: true, // what hands out certificates may be back soon
      });
    }
  }

  #connection(
    line: Line,
    greeting: Pick<Greeting, "versions" | "nextCorrelationId"> & Partial<Greeting>,
    secured?: ConnectionParts["secured"],
  ): Connection {
    return new Connection({
      ...line,
      telemetry: this.#settings.telemetry,
      versions: greeting.versions,
      firstCorrelationId: greeting.nextCorrelationId,
      lateAnswer: greeting.lateAnswer,
      throttleMs: greeting.throttleMs,
      secured,
    });
  }

  #recall(label: string): Memory | undefined {
    const memory = this.#memory.get(label);
    if (!memory || memory.until > this.#settings.world.now()) return memory;
    this.#memory.delete(label);
    return undefined;
  }

  #remember(label: string, memory: Omit<Memory, "until">): void {
    this.#memory.set(label, { ...memory, until: this.#settings.world.now() + MEMORY_MS });
  }
}

/** `host:port`, as errors and events name a broker. */
export function labelOf({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
