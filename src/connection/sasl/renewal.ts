/** A session that ends after a while is renewed before, on the same connection, without a request lost (KIP-368). */

import { KafkaError } from "../../base/errors.ts";
import type { Telemetry } from "../../base/telemetry.ts";
import type { Timer } from "../../base/world.ts";
import { saslHandshake } from "../../protocol/sasl_handshake.ts";
import type { Api, Request, Response } from "../../wire/schema.ts";
import { authenticate, type Carrier, type Party, type Session } from "./authenticate.ts";
import { wordsOf } from "./credentials.ts";

/** What a connection does for it. */
export interface Renewable {
  /** Sends nothing from now on but what is asked for here; gives what ends that. */
  hold(): () => void;
  /** Resolves as soon as nothing is in flight and the broker wants to hear something. */
  rest(signal: AbortSignal): Promise<void>;
  /** Asks, past whoever is held. */
  ask<A extends Api>(api: A, version: number, body: Request<A>, timeoutMs: number): Promise<Response<A>>;
  /** It did not work: the connection is of no use any more. */
  failed(error: KafkaError): void;
}

/** What it is made of. */
export interface RenewalParts {
  readonly party: Omit<Party, "signal">;
  readonly telemetry: Telemetry;
  /** How the connection was authenticated first. */
  readonly session: Session;
  /** Milliseconds for the mechanism, as for a new connection; waiting for answers that are under way does not count. */
  readonly timeoutMs: number;
}

/** Brokers close connections whose sessions are over, so it begins at some point of this part (Java draws it so, too). */
const PART_MIN = 0.85;
const PART_MAX = 0.95;

/** A broker takes a second renewal within a second for a mistake (`KafkaChannel.maybeBeginServerReauthentication`); with a margin. */
const INTERVAL_MS = 1100;

/**
 * Watches over one connection's session. It begins when something is about to be sent and the time has come, as in Java: a connection
 * that nobody uses is not kept up for nothing, and brokers take a late handshake. While the credentials are asked for, requests go
 * on; then whoever comes is held, what is in flight is waited for, the two sides talk, and all go on in their order.
 */
export class Renewal {
  readonly #parts: RenewalParts;
  readonly #connection: Renewable;
  readonly #ended = new AbortController();
  #task: Promise<void> | undefined;
  #release: (() => void) | undefined;
  #dueAt = Infinity;
  /** From here on nothing may be sent before it is renewed. */
  #lastAt = Infinity;
  /** When it was last begun, on the world's clock. */
  #begunAt = -Infinity;

  /** Nothing happens before somebody looks. */
  constructor(parts: RenewalParts, connection: Renewable) {
    this.#parts = parts;
    this.#connection = connection;
    this.#adopt(parts.session);
  }

  /** Something is about to be sent: begins if it is time, and holds what comes if there is none to lose. */
  look(): void {
    if (this.#dueAt === Infinity) return;
    const { world, label } = this.#parts.party;
    const now = world.now();
    if (now < this.#dueAt || this.#ended.signal.aborted) return;
    if (now >= this.#lastAt) this.#hold();
    this.#task ??= world.task(`re-authentication with ${label}`, () => this.#renew());
  }

  /** The connection is gone. */
  end(reason: unknown): void {
    this.#ended.abort(reason);
  }

  /** What is under way of it. */
  get underway(): Promise<void> | undefined {
    return this.#task;
  }

  #adopt({ lifetimeMs, since }: Session): void {
    const { world } = this.#parts.party;
    const part = PART_MIN + (PART_MAX - PART_MIN) * world.random();
    this.#dueAt = lifetimeMs > 0 ? since + lifetimeMs * part : Infinity;
    this.#lastAt = lifetimeMs > 0 ? since + lifetimeMs * PART_MAX : Infinity;
  }

  #hold(): void {
    this.#release ??= this.#connection.hold();
  }

  async #renew(): Promise<void> {
    const { party, telemetry, timeoutMs } = this.#parts;
    const { world, label, mechanism } = party;
    const startedAt = world.now();
    const attempt = new Attempt(this.#parts, this.#ended.signal);
    try {
      attempt.startClock();
      const carrier: Carrier = {
        ask: async (api, version, body) => {
          if (api.key === saslHandshake.key) await this.#takeTurn(attempt);
          return await this.#connection.ask(api, version, body, timeoutMs);
        },
        bare: () => Promise.reject(new KafkaError("UNSUPPORTED_FEATURE", `${label} cannot authenticate again`)),
      };
      this.#adopt(await authenticate({ ...party, signal: attempt.signal }, carrier));
      telemetry.authenticated(label, mechanism.name, startedAt, true);
    } catch (cause) {
      const detail = `The connection to ${label} was closed: it could not authenticate again: ${wordsOf(cause)}`;
      this.#connection.failed(new KafkaError("CONNECTION_CLOSED", detail, { broker: label, cause }));
    } finally {
      attempt.end();
      this.#task = undefined;
      const release = this.#release;
      this.#release = undefined;
      release?.();
    }
  }

  /** Nothing else may be on its way between the handshake and the end. */
  async #takeTurn(attempt: Attempt): Promise<void> {
    const { world } = this.#parts.party;
    this.#hold();
    attempt.stopClock();
    const early = this.#begunAt + INTERVAL_MS - world.now();
    if (early > 0) await world.sleep(early, attempt.signal);
    await this.#connection.rest(attempt.signal);
    attempt.startClock();
    this.#begunAt = world.now();
  }
}

/** The time that one attempt has. */
class Attempt {
  readonly #parts: RenewalParts;
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onParent = () => this.#controller.abort(this.#parent.reason);
  #timer: Timer | undefined;

  constructor(parts: RenewalParts, parent: AbortSignal) {
    this.#parts = parts;
    this.#parent = parent;
    parent.addEventListener("abort", this.#onParent, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  startClock(): void {
    const { timeoutMs, party: { world, label, mechanism } } = this.#parts;
    this.#timer = world.timer(timeoutMs, () => {
      const detail = `${mechanism.name} with ${label} did not end within ${timeoutMs} ms`;
      this.#controller.abort(new KafkaError("CONNECT_TIMEOUT", detail, { broker: label }));
    });
  }

  stopClock(): void {
    this.#timer?.cancel();
  }

  end(): void {
    this.stopClock();
    this.#parent.removeEventListener("abort", this.#onParent);
  }
}
