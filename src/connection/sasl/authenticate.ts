/** One authentication, whatever carries it: names the mechanism, lets it talk, and turns what goes wrong into one clear error. */

import { abortable } from "../../base/async.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import { KafkaError } from "../../base/errors.ts";
import type { World } from "../../base/world.ts";
import { saslAuthenticate } from "../../protocol/sasl_authenticate.ts";
import { saslHandshake } from "../../protocol/sasl_handshake.ts";
import type { Api, Request, Response } from "../../wire/schema.ts";
import type { BrokerVersions } from "../versions.ts";
import { refusal, wordsOf } from "./credentials.ts";
import type { SaslMechanism } from "./mechanism.ts";

/** What carries the messages: a line that is being opened, or a connection in use. */
export interface Carrier {
  /** Asks, and gives the answer; bytes in it are the caller's. */
  ask<A extends Api>(api: A, version: number, body: Request<A>): Promise<Response<A>>;
  /** Sends bytes without a head and gives those that come, as brokers before 1.0 do it; undefined when they hang up instead. */
  bare(message: Uint8Array): Promise<Uint8Array | undefined>;
}

/** Whose connection it is. */
export interface Party {
  readonly world: World;
  readonly mechanism: SaslMechanism;
  readonly host: string;
  readonly port: number;
  /** `host:port`, for errors. */
  readonly label: string;
  readonly versions: BrokerVersions;
  /** Ends it; there has to be a deadline in it. */
  readonly signal: AbortSignal;
}

/** For how long it is good. */
export interface Session {
  /** Milliseconds; 0: for as long as the connection lives. */
  readonly lifetimeMs: number;
  /** When the handshake went out, on the world's clock. */
  readonly begunAt: number;
  /** Before this the session surely had not begun, on the world's clock. */
  readonly since: number;
}

/**
 * Authenticates. Rejects with what the broker says (`SASL_AUTHENTICATION_FAILED`, `UNSUPPORTED_SASL_MECHANISM`,
 * `ILLEGAL_SASL_STATE`), `UNSUPPORTED_FEATURE` before 0.10, or the signal's reason.
 */
export async function authenticate(party: Party, carrier: Carrier): Promise<Session> {
  const { world, mechanism, host, port, label, signal } = party;
  const talk = new Talk(party, carrier);
  const context = {
    ...{ host, port, signal, world },
    exchange: (message: Uint8Array, secret?: string) => talk.exchange(message, secret),
  };
  const work = async () => await mechanism.authenticate(context);
  try {
    await abortable(world, `SASL ${mechanism.name} with ${label}`, work(), signal);
    return talk.session();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof KafkaError) throw error.within({ broker: label });
    const detail = `${mechanism.name} with ${label} failed: ${wordsOf(error)}`;
    throw refusal(detail, { broker: label, cause: error });
  }
}

/** The way since Kafka 1.0, inside SaslAuthenticate, or the one before. */
type Way = "framed" | "bare";

class Talk {
  readonly #party: Party;
  readonly #carrier: Carrier;
  #way: Way | undefined;
  #lifetimeMs = 0;
  #begunAt = 0;
  #since = 0;

  constructor(party: Party, carrier: Carrier) {
    this.#party = party;
    this.#carrier = carrier;
  }

  session(): Session {
    const { mechanism, label: broker } = this.#party;
    if (this.#way === undefined) throw refusal(`${mechanism.name} has said nothing to ${broker}`, { broker });
    return { lifetimeMs: this.#lifetimeMs, begunAt: this.#begunAt, since: this.#since };
  }

  async exchange(message: Uint8Array, secret = ""): Promise<Uint8Array> {
    const { world, mechanism, label, signal } = this.#party;
    signal.throwIfAborted();
    const way = this.#way ??= await this.#shakeHands();
    this.#since = world.now();
    if (way === "bare") {
      const answer = await this.#carrier.bare(message);
      if (answer) return answer;
      // That is all that they say to a wrong password; but they may have ended for another reason.
      const detail = `${label} hangs up on ${mechanism.name}: are the credentials wrong`;
      throw refusal(detail, { broker: label, retriable: true });
    }
    const version = this.#party.versions.pick(saslAuthenticate);
    const answer = await this.#carrier.ask(saslAuthenticate, version, { authBytes: message });
    const { errorCode, errorMessage, authBytes, sessionLifetimeMs } = answer;
    if (errorCode !== 0) {
      const said = (errorMessage ?? "").slice(0, WORDS_MAX);
      const words = secret === "" ? said : said.replaceAll(secret, "…");
      throw refusal(`${label} refuses ${mechanism.name}${words && `: ${words}`}`, { broker: label }, errorCode);
    }
    this.#lifetimeMs = sessionLifetimeMs > 0 ? sessionLifetimeMs : 0;
    return authBytes;
  }

  async #shakeHands(): Promise<Way> {
    const { world, versions, mechanism, label: broker } = this.#party;
    if (!versions.range(saslHandshake.key)) {
      const detail = `${broker} does not know SaslHandshake: SASL needs Kafka 0.10 or later`;
      throw new KafkaError("UNSUPPORTED_FEATURE", detail, { broker });
    }
    const isFramed = versions.best(saslAuthenticate) !== undefined;
    const version = versions.pick(saslHandshake, isFramed ? 1 : 0);
    this.#begunAt = world.now();
    const answer = await this.#carrier.ask(saslHandshake, version, { mechanism: mechanism.name });
    const { errorCode, mechanisms } = answer;
    if (errorCode === errorNumbers.UNSUPPORTED_SASL_MECHANISM) {
      const detail = `${broker} does not offer ${mechanism.name}; it has ${mechanisms.join(", ") || "none"}`;
      throw refusal(detail, { broker }, errorCode);
    }
    if (errorCode === errorNumbers.ILLEGAL_SASL_STATE) {
      const detail = `${broker} has no SASL on this listener: connect without the option sasl, or to another port`;
      throw refusal(detail, { broker }, errorCode);
    }
    if (errorCode !== 0) throw KafkaError.ofBroker(errorCode, `to ${mechanism.name}`, { broker });
    return version === 0 ? "bare" : "framed";
  }
}

/** What a broker says goes into an error as far as this. */
const WORDS_MAX = 500;
