/** A listener that wants SASL: who has not authenticated is not heard, and who has, for as long as that is good. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { checkOptions, type OptionRules, someObject, wholeNumber } from "../base/options.ts";
import type { World } from "../base/world.ts";
import { apiVersions } from "../protocol/api_versions.ts";
import { decodeRequest } from "../protocol/decode_request.ts";
import { decodeRequestHead, type RequestHeadOut } from "../protocol/message.ts";
import { saslAuthenticate } from "../protocol/sasl_authenticate.ts";
import { saslHandshake } from "../protocol/sasl_handshake.ts";
import type { Api, RequestOut, ResponseIn } from "../wire/schema.ts";
import { type Release, releaseOf } from "./releases.ts";
import { type SaslServer, saslServers, type SaslStep } from "./sasl_servers.ts";

/** How clients of an embedded cluster have to authenticate. */
export interface SaslOptions {
  /** Passwords by user, for PLAIN and SCRAM. They are looked up at each authentication: change the object, and they have changed. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** HMACs of delegation tokens by their ids, for SCRAM (KIP-48). */
  readonly tokens?: Readonly<Record<string, string>> | undefined;
  /**
   * Kafka's own mechanisms by name, or ones of your own; all that the release has if not said. OAUTHBEARER takes tokens that nobody
   * has signed, as Kafka does by default.
   */
  readonly mechanisms?: readonly (string | SaslServer)[] | undefined;
  /** Milliseconds that a session lasts (`connections.max.reauth.ms`, from 2.2 on); 0, for ever, if not said. */
  readonly sessionLifetimeMs?: number | undefined;
}

const RULES: OptionRules<SaslOptions> = {
  users: someObject,
  tokens: someObject,
  mechanisms: {
    allowed: `a list of ${[...saslServers.keys()].join(", ")}, or objects with a name and a function begin`,
    accepts: (value) =>
      Array.isArray(value) && value.length > 0 &&
      value.every((one) => saslServers.has(one) || typeof one?.begin === "function" && typeof one.name === "string"),
  },
  sessionLifetimeMs: wholeNumber(0, Number.MAX_SAFE_INTEGER),
};

/** Checks the options for a release. */
export function checkSasl(options: SaslOptions, release: string): void {
  checkOptions("Cluster.start: sasl", options, RULES, {});
  const { saslMechanisms } = releaseOf(release);
  const strange = options.mechanisms?.find((one) => typeof one === "string" && !saslMechanisms.includes(one));
  if (strange === undefined && saslMechanisms.length > 0) return;
  throw new KafkaError("INVALID_OPTION", `Cluster.start: sasl: Kafka ${release} has no ${strange ?? "SASL"}`);
}

/** What the broker does for it. */
export interface Doorman {
  readonly world: World;
  readonly release: Release;
  /** Answers, unless a test answers instead. Whether the connection goes on. */
  reply<A extends Api>(api: A, head: RequestHeadOut, body: RequestOut<A>, answer: ResponseIn<A>): Promise<boolean>;
  /** Writes without a head. */
  write(chunks: readonly Uint8Array[]): Promise<boolean>;
  /** Until that time nothing happens, unless the broker ends. */
  pause(until: number): Promise<void>;
  /** Holds something against the client. */
  report(detail: string): void;
}

/** What has been said so far. */
type State = "new" | "greeted" | "framed" | "bare" | "known";

/** A second renewal within a second is none (`KafkaChannel.maybeBeginServerReauthentication`). */
const RENEWAL_MS_MIN = 1000;

/**
 * One connection on such a listener (`SaslServerAuthenticator`). ApiVersions may be asked once, then comes SaslHandshake, then the
 * mechanism's messages: inside SaslAuthenticate after version 1, bare after version 0. Anything else ends the connection, and so does
 * whatever comes after the end of a session but a handshake that renews it.
 */
export class SaslGate {
  readonly #options: SaslOptions;
  readonly #doorman: Doorman;
  #state: State = "new";
  #server: SaslServer | undefined;
  #take: ((message: Uint8Array) => SaslStep | Promise<SaslStep>) | undefined;
  #user: string | undefined;
  #expiresAt = Infinity;
  #renewedAt = -Infinity;

  constructor(options: SaslOptions, doorman: Doorman) {
    this.#options = options;
    this.#doorman = doorman;
  }

  /** A frame has come: whether the broker is to answer it, or else whether the connection goes on. */
  async enter(frame: Uint8Array): Promise<"pass" | boolean> {
    if (this.#state === "bare") return await this.#bare(frame);
    let head: RequestHeadOut;
    try {
      head = decodeRequestHead(frame);
      if (this.#state === "known") return await this.#known(frame, head);
      if (this.#state === "framed") return await this.#framed(frame, head);
      if (head.apiKey === saslHandshake.key) return await this.#handshake(frame, head);
    } catch (error) {
      if (error instanceof KafkaError) return false;
      throw error;
    }
    if (head.apiKey !== apiVersions.key || this.#state !== "new") return false;
    const [, max] = this.#doorman.release.served.get(apiVersions.key)!;
    if (head.version <= max) this.#state = "greeted";
    return "pass";
  }

  async #known(frame: Uint8Array, head: RequestHeadOut): Promise<"pass" | boolean> {
    const { world, release } = this.#doorman;
    const now = world.now();
    if (head.apiKey !== saslHandshake.key) return now > this.#expiresAt ? false : "pass";
    if (!release.renewsSessions || now - this.#renewedAt < RENEWAL_MS_MIN) return "pass";
    this.#renewedAt = now;
    return await this.#handshake(frame, head);
  }

  async #handshake(frame: Uint8Array, head: RequestHeadOut): Promise<boolean> {
    const { release } = this.#doorman;
    const [, max] = release.served.get(saslHandshake.key)!;
    if (head.version > max) return false;
    const body = decodeRequest(frame).body as RequestOut<typeof saslHandshake>;
    const servers = this.#servers();
    const server = servers.get(body.mechanism);
    const { UNSUPPORTED_SASL_MECHANISM, NONE } = errorNumbers;
    const answer = { errorCode: server ? NONE : UNSUPPORTED_SASL_MECHANISM, mechanisms: [...servers.keys()] };
    const goesOn = await this.#doorman.reply(saslHandshake, head, body, answer);
    if (!server || !goesOn) return false;
    const { world } = this.#doorman;
    const { users = {}, tokens = {} } = this.#options;
    const isOther = this.#server !== undefined && this.#server !== server;
    this.#take = isOther
      ? () => {
        throw KafkaError.ofBroker(errorNumbers.SASL_AUTHENTICATION_FAILED, "another mechanism than before");
      }
      : server.begin({ world, users, tokens });
    this.#server = server;
    this.#state = head.version === 0 ? "bare" : "framed";
    return true;
  }

  async #framed(frame: Uint8Array, head: RequestHeadOut): Promise<boolean> {
    const { apiKey } = head;
    if (apiKey !== saslAuthenticate.key) {
      this.#doorman.report(`API ${apiKey} was asked for while the client was authenticating`);
      if (apiKey !== saslHandshake.key) return false;
      const answer = { errorCode: errorNumbers.ILLEGAL_SASL_STATE, mechanisms: [] };
      await this.#doorman.reply(saslHandshake, head, decodeRequest(frame).body as never, answer);
      return false;
    }
    const body = decodeRequest(frame).body as RequestOut<typeof saslAuthenticate>;
    const { world, release } = this.#doorman;
    const step = await this.#step(body.authBytes);
    if (step instanceof KafkaError) {
      if (release.refusalDelayMs > 0) await this.#doorman.pause(world.now() + release.refusalDelayMs);
      const errorMessage = step.message.slice(`${step.code}: `.length);
      const errorCode = errorNumbers.SASL_AUTHENTICATION_FAILED;
      await this.#doorman.reply(saslAuthenticate, head, body, { errorCode, errorMessage, authBytes: new Uint8Array() });
      return false;
    }
    const { answer = new Uint8Array(), user } = step;
    const lifetimeMs = user === undefined ? 0 : this.#admit(user, step);
    const told = { errorCode: errorNumbers.NONE, errorMessage: null, authBytes: answer };
    const sessionLifetimeMs = head.version > 0 ? { sessionLifetimeMs: lifetimeMs } : {};
    return await this.#doorman.reply(saslAuthenticate, head, body, { ...told, ...sessionLifetimeMs });
  }

  async #bare(message: Uint8Array): Promise<boolean> {
    const step = await this.#step(message);
    if (step instanceof KafkaError) return false; // and not a word
    const { answer = new Uint8Array(), user } = step;
    if (user !== undefined) this.#admit(user, step);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, answer.length);
    return await this.#doorman.write([size, answer]);
  }

  async #step(message: Uint8Array): Promise<SaslStep | KafkaError> {
    try {
      const step = await this.#take!(message);
      if (step.user === undefined || this.#user === undefined || this.#user === step.user) return step;
      return KafkaError.ofBroker(errorNumbers.SASL_AUTHENTICATION_FAILED, "another user than before");
    } catch (error) {
      if (error instanceof KafkaError) return error;
      throw error;
    }
  }

  /** Milliseconds that the session lasts; 0: for ever. */
  #admit(user: string, { expiresAt = Infinity }: SaslStep): number {
    const { world, release } = this.#doorman;
    this.#user = user;
    this.#state = "known";
    const { sessionLifetimeMs = 0 } = this.#options;
    const longest = release.renewsSessions && sessionLifetimeMs > 0 ? sessionLifetimeMs : Infinity;
    const lifetimeMs = Math.max(0, Math.min(longest, Math.floor(expiresAt - world.wall())));
    this.#expiresAt = release.renewsSessions ? world.now() + lifetimeMs : Infinity;
    return lifetimeMs === Infinity ? 0 : lifetimeMs;
  }

  #servers(): ReadonlyMap<string, SaslServer> {
    const { mechanisms = this.#doorman.release.saslMechanisms } = this.#options;
    const servers = mechanisms.map((one) => typeof one === "string" ? saslServers.get(one)! : one);
    return new Map(servers.map((server) => [server.name, server]));
  }
}
