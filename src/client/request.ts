/** Any request of the protocol, to whom it is for: the way is found with patience, and the request is sent once. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError, ownErrors } from "../base/errors.ts";
import { brief, checkOptions, type OptionRule, type OptionRules, someSignal, wholeNumber } from "../base/options.ts";
import type { World } from "../base/world.ts";
import type { Cluster, Target } from "../cluster/cluster.ts";
import type { Coordinated } from "../cluster/coordinators.ts";
import type { Lane } from "../cluster/pool.ts";
import { isHarmless } from "../connection/again.ts";
import type { Connection } from "../connection/connection.ts";
import { produce } from "../protocol/produce.ts";
import { presetOf } from "../wire/defaults.ts";
import type { Api, Request, Response } from "../wire/schema.ts";

/** The body of a request, or what makes it when it is known in which version it will be sent. */
export type RequestBody<A extends Api> = Request<A> | ((version: number) => Request<A>);

/** Whom a request is for: at most one of these. Nothing said: whichever broker can be reached first. */
export interface RequestTarget {
  /** The broker with this id. It is tried once: who names a broker wants to know when it does not answer. */
  readonly broker?: number | undefined;
  /** Whoever leads this partition. */
  readonly leaderOf?: { readonly topic: string; readonly partition: number } | undefined;
  /** Whoever coordinates this group (of members of any kind), or this transactional id. */
  readonly coordinatorOf?: Coordinated | undefined;
  /** The controller, or the broker that speaks for it; any broker before Kafka 0.10, where none says who it is. */
  readonly controller?: true | undefined;
}

/** Whom a request is for, and how it is sent. */
export interface RequestOptions extends RequestTarget {
  /** Exactly this version; the highest that the broker and we both speak if not said. */
  readonly version?: number | undefined;
  /** Milliseconds for all of it, the way included; the client's `requestTimeoutMs` if not said. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with its reason. What was sent already may still be carried out. */
  readonly signal?: AbortSignal | undefined;
}

const MS_MAX = 0x7fffffff;

const someText = (value: unknown): boolean => typeof value === "string";
const someNumber = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;

/** An object with exactly these fields, or with those of an alternative. */
function fields(allowed: string, ...alternatives: readonly Record<string, (value: unknown) => boolean>[]): OptionRule {
  return {
    allowed,
    accepts: (value) =>
      typeof value === "object" && value !== null &&
      alternatives.some((rules) =>
        Object.keys(value).every((name) => Object.hasOwn(rules, name)) &&
        Object.entries(rules).every(([name, accepts]) => accepts((value as Record<string, unknown>)[name]))
      ),
  };
}

const rules: OptionRules<RequestOptions> = {
  broker: wholeNumber(0, MS_MAX),
  leaderOf: fields("like { topic, partition }", { topic: someText, partition: someNumber }),
  coordinatorOf: fields("like { group } or { transactionalId }", { group: someText }, { transactionalId: someText }),
  controller: { allowed: "true", accepts: (value) => value === true },
  version: wholeNumber(0, 0x7fff),
  timeoutMs: wholeNumber(1, MS_MAX),
  signal: someSignal,
};

const TARGETS = ["broker", "leaderOf", "coordinatorOf", "controller"] as const;

/** What brokers may hold for as long as they like: Fetch, JoinGroup, SyncGroup, ShareFetch. */
const HELD: ReadonlySet<number> = new Set([1, 11, 14, 78]);

/** With what a broker says that it is not, or no longer, the one to ask; besides what tells of stale metadata. */
const MOVED: ReadonlySet<number> = new Set([
  errorNumbers.COORDINATOR_NOT_AVAILABLE,
  errorNumbers.NOT_COORDINATOR,
]);

/** A controller has no topic, and no topic has this name. */
const CONTROLLER = "";

/** Sends requests for a client. */
export class Requests {
  readonly #cluster: Cluster;
  readonly #world: World;
  readonly #requestTimeoutMs: number;
  /** Of which topics, and whether of the controller, somebody has heard that what is known is out of date: the next one looks first. */
  readonly #doubted = new Set<string>();
  /** Connections for what brokers hold: each for one request at a time, since a broker answers in order. */
  readonly #freeLanes: Lane[] = [];

  /** For a cluster. */
  constructor(cluster: Cluster, world: World, requestTimeoutMs: number) {
    this.#cluster = cluster;
    this.#world = world;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** See `KafkaClient.request`. */
  async send<A extends Api>(api: A, body: RequestBody<A>, given: RequestOptions): Promise<Response<A>> {
    if (typeof api?.key !== "number" || typeof api.request !== "object" || typeof api.response !== "object") {
      throw new KafkaError("INVALID_OPTION", `request: the first argument must be an API, not ${brief(api)}`);
    }
    const options = checkOptions<RequestOptions, { timeoutMs: number }>("request", given, rules, {
      timeoutMs: this.#requestTimeoutMs,
    });
    const target = targetOf(options);
    const { timeoutMs, signal: caller } = options;
    const endsAt = this.#world.now() + timeoutMs;
    return await this.#cluster.deadline(
      `${api.name}, to ${labelOf(target)},`,
      caller,
      (signal) =>
        this.#onLane(api, (lane) => this.#send(api, body, { ...options, target, endsAt, signal, lane, caller })),
      {},
      timeoutMs,
    );
  }

  async #send<A extends Api>(api: A, body: RequestBody<A>, how: Sending): Promise<Response<A>> {
    const { target, signal } = how;
    const cluster = this.#cluster;
    const isPatient = typeof target === "string" || !("broker" in target);
    for (;;) {
      const { connection, doubt } = isPatient
        ? await cluster.retrying((attempt) => this.#reach(how, attempt), signal)
        : await this.#reach(how, 1);
      const lookAgain = (because?: unknown) => {
        doubt();
        cluster.lookAgain(because);
      };
      try {
        const response = await this.#ask(connection, api, body, how);
        if (tells(response, isStale)) lookAgain();
        return response;
      } catch (error) {
        if (how.caller?.aborted || !(error instanceof KafkaError)) throw error;
        if (isLost(error)) lookAgain(error);
        // A connection that had lain idle, or is not needed any more, ended as we used it: that is nobody's failure.
        if (api.once || !isHarmless(error)) throw error.within({ broker: connection.label });
      }
    }
  }

  async #ask<A extends Api>(on: Connection, api: A, body: RequestBody<A>, how: Sending): Promise<Response<A>> {
    const { signal } = how;
    const version = versionFor(on, api, how.version);
    const value = typeof body === "function" ? body(version) : body;
    const timeoutMs = Math.max(1, how.endsAt - this.#world.now());
    const options = { timeoutMs, signal, versionMax: version };
    if (!isUnanswered(api, value)) return await on.request(api, value, options);
    await on.send(api, value, options);
    return presetOf(api.response, false)();
  }

  /** The way to the target; from the second attempt on, and where what we know is in doubt, after another look. */
  async #reach({ target, lane, signal }: Sending, attempt: number): Promise<Way> {
    const cluster = this.#cluster;
    if (target === "any") return { connection: await cluster.reach(target, { lane, signal }), doubt() {} };
    if (typeof target === "object" && "coordinatorOf" in target) {
      return await this.#coordinator(target.coordinatorOf, lane, signal);
    }
    if (typeof target === "object" && "broker" in target) {
      if (!cluster.snapshot.brokers.has(target.broker)) await cluster.refresh([], signal);
      return { connection: await cluster.reach(target, { lane, signal }), doubt() {} };
    }
    const doubts = this.#doubted;
    const about = target === "controller" ? CONTROLLER : target.leaderOf.topic;
    if (attempt > 1 || doubts.has(about)) {
      await cluster.refresh(target === "controller" ? [] : [about], signal);
      doubts.delete(about);
    }
    if (target !== "controller") await this.#checkPartition(target.leaderOf, signal);
    const connection = await cluster.reach(target, { lane, signal });
    return { connection, doubt: () => void doubts.add(about) };
  }

  async #coordinator(of: Coordinated, lane: Lane, signal: AbortSignal): Promise<Way> {
    const { coordinators } = this.#cluster;
    const broker = await coordinators.of(of, signal);
    const doubt = () => coordinators.forget(of, broker);
    try {
      return { connection: await this.#cluster.connection(broker, lane, signal), doubt };
    } catch (error) {
      if (!signal.aborted) doubt();
      throw error;
    }
  }

  async #checkPartition({ topic, partition }: Led, signal: AbortSignal): Promise<void> {
    const { partitions } = await this.#cluster.topic(topic, signal);
    if (partitions[partition] !== undefined) return;
    const detail = `${topic} has ${partitions.length} partitions`;
    const context = { topic, partition, retriable: false };
    throw KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, detail, context);
  }

  /** Runs it with a lane that suits the API; what held one up is closed, since nothing could be asked there until it is answered. */
  async #onLane<T>(api: Api, work: (lane: Lane) => Promise<T>): Promise<T> {
    if (api.key === produce.key) return await work("produce");
    if (!HELD.has(api.key)) return await work("control");
    const lane = this.#freeLanes.pop() ?? this.#cluster.newFetchLane();
    try {
      const result = await work(lane);
      this.#freeLanes.push(lane);
      return result;
    } catch (error) {
      this.#cluster.closeLane(lane);
      throw error;
    }
  }
}

/** A partition, whose leader is asked. */
interface Led {
  readonly topic: string;
  readonly partition: number;
}

/** A connection to whom a target names, and what to do when that turns out to be the wrong one. */
interface Way {
  readonly connection: Connection;
  readonly doubt: () => void;
}

/** A request on its way. */
interface Sending {
  readonly target: Target;
  readonly version?: number | undefined;
  /** When its time is up, on the world's clock. */
  readonly endsAt: number;
  /** The caller's signal and the deadline in one. */
  readonly signal: AbortSignal;
  readonly caller?: AbortSignal | undefined;
  readonly lane: Lane;
}

function targetOf(options: RequestTarget): Target {
  const named = TARGETS.filter((name) => options[name] !== undefined);
  if (named.length > 1) {
    throw new KafkaError("INVALID_OPTION", `request: ${named.join(" and ")} are given; a request has one target`);
  }
  const { broker, leaderOf, coordinatorOf, controller } = options;
  if (broker !== undefined) return { broker };
  if (leaderOf !== undefined) return { leaderOf };
  if (coordinatorOf !== undefined) return { coordinatorOf };
  return controller ? "controller" : "any";
}

function labelOf(target: Target): string {
  if (target === "any") return "any broker";
  if (target === "controller") return "the controller";
  if ("broker" in target) return `broker ${target.broker}`;
  if ("leaderOf" in target) return `the leader of ${target.leaderOf.topic}/${target.leaderOf.partition}`;
  const { coordinatorOf: of } = target;
  return `the coordinator of ${"group" in of ? `the group ${of.group}` : `the transactional id ${of.transactionalId}`}`;
}

/** The version to send it in; `UNSUPPORTED_VERSION` with both ranges if there is none. */
function versionFor(on: Connection, api: Api, wanted: number | undefined): number {
  const ours = api.versions, theirs = on.versions.range(api.key);
  if (theirs) {
    const version = wanted ?? Math.min(ours[1], theirs[1]);
    if (version >= Math.max(ours[0], theirs[0]) && version <= Math.min(ours[1], theirs[1])) return version;
  }
  const what = wanted === undefined ? api.name : `${api.name} v${wanted}`;
  const speaks = theirs ? `${on.label} speaks ${theirs[0]} to ${theirs[1]}` : `${on.label} does not know it`;
  const detail = `${what}: we speak versions ${ours[0]} to ${ours[1]}, ${speaks}`;
  throw KafkaError.ofBroker(errorNumbers.UNSUPPORTED_VERSION, detail, { broker: on.label });
}

/** A broker has nothing to say to what is produced with `acks` 0. */
function isUnanswered(api: Api, body: Request<Api>): boolean {
  return api.key === produce.key && (body as { readonly acks?: unknown } | null)?.acks === 0;
}

/** Whether the connection failed, or time ran out: then it may be that another broker has taken over. */
function isLost(error: KafkaError): boolean {
  return error.retriable && Object.hasOwn(ownErrors, error.code);
}

function isStale(errorCode: number): boolean {
  return MOVED.has(errorCode) || brokerError(errorCode).stale;
}

/** Whether one of the error codes in an answer, however deep, is such a one. */
function tells(value: unknown, isSuch: (errorCode: number) => boolean): boolean {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  if (Array.isArray(value)) return value.some((item) => tells(item, isSuch));
  return Object.entries(value).some(([name, inner]) =>
    name === "errorCode" ? inner !== 0 && isSuch(inner as number) : tells(inner, isSuch)
  );
}
