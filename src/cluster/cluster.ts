/** The cluster as the rest of the client sees it: who is there, who leads what, whom to ask, and when to look again. */

import { errorNumbers } from "../base/error_codes.ts";
import { type Deadline, Gate, withDeadline } from "../base/async.ts";
import { type ErrorContext, KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import { isHarmless } from "../connection/again.ts";
import type { Body, Connection } from "../connection/connection.ts";
import { type ConnectionSettings, labelOf } from "../connection/open.ts";
import type { BrokerVersions } from "../connection/versions.ts";
import { metadata } from "../protocol/metadata.ts";
import type { Address } from "../transport/transport.ts";
import type { Api, Response } from "../wire/schema.ts";
import { HEAD_START_MS, incurable, noBrokers, Search } from "./bootstrap.ts";
import { type Coordinated, Coordinators } from "./coordinators.ts";
import { Freshness } from "./freshness.ts";
import { type Lane, Pool, type PoolSettings } from "./pool.ts";
import { firstOf } from "./race.ts";
import { Backoff, isRetriable } from "./retry.ts";
import {
  type BrokerInfo,
  type Grace,
  learned,
  moved,
  nothingKnown,
  type PartitionInfo,
  type Snapshot,
  type TopicInfo,
} from "./snapshot.ts";

/** What a cluster is found with. */
export interface ClusterSettings extends ConnectionSettings, PoolSettings {
  /** Where to ask first. */
  readonly hosts: readonly Address[];
  /** Where a broker is really reached, for tunnels and NAT. */
  readonly mapAddress: (host: string, port: number) => Address;
  /** Milliseconds for `connect`, over all hosts and tries. */
  readonly bootstrapTimeoutMs: number;
  /** Milliseconds for one request. */
  readonly requestTimeoutMs: number;
  /** Milliseconds after which metadata is fetched anew. */
  readonly metadataMaxAgeMs: number;
}

/** Whom to ask; `any`: whoever answers first, where it does no harm that two are asked. */
export type Target = "any" | "controller" | { readonly broker: number } | {
  readonly leaderOf: { readonly topic: string; readonly partition: number };
} | { readonly coordinatorOf: Coordinated };

/** How to ask. */
export interface AskOptions {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Which connection it may take; `control` if not said. */
  readonly lane?: Lane | undefined;
  /** Milliseconds for the answer, if not those of the settings. */
  readonly timeoutMs?: number | undefined;
  /** The highest version to use. */
  readonly versionMax?: number | undefined;
}

/** One that may be asked. */
interface Candidate {
  readonly key: string;
  readonly address: Address;
}

/** An answer and the version it came in. */
interface Answered<A extends Api> {
  readonly version: number;
  readonly response: Response<A>;
  readonly connection: Connection;
}

/** Below this version of Metadata a broker may create the topic that it is asked about (KIP-204 came with v4). */
const NO_AUTO_CREATION = 4;

/** How long a broker that is connected is waited for before another is asked as well: it may be dead, and nobody knows yet. */
const ANSWER_HEAD_START_MS = 2_000;
/** How long a broker that did not answer in time is not the first to be asked: it has heard by then who leads. */
const DOUBT_MS = 30_000;

/** Brokers, connections and metadata of one cluster. */
export class Cluster {
  /** Opened at each new snapshot. */
  readonly changed: Gate;
  /** Which brokers keep groups. */
  readonly coordinators: Coordinators;
  readonly #settings: ClusterSettings;
  readonly #world: World;
  readonly #pool: Pool;
  readonly #freshness: Freshness;
  /** The deadlines of the calls that are under way: they end with the cluster. */
  readonly #calls = new Set<Deadline>();
  readonly #ended = new AbortController();
  #snapshot: Snapshot = nothingKnown;
  /** Brokers, as `host:port`, that have not answered in time, and until when they are asked after all others. */
  readonly #doubted = new Map<string, number>();
  #fetchLanes = 0;
  #refreshing: Promise<void> = Promise.resolve();

  private constructor(settings: ClusterSettings) {
    this.#settings = settings;
    this.#world = settings.world;
    // The broker may be gone, or be elsewhere from now on (Java's `handleServerDisconnect`).
    this.#pool = new Pool(settings, settings, () => this.lookAgain());
    this.coordinators = new Coordinators(settings.world, (api, body) => this.request("any", api, body, {}));
    this.changed = new Gate(settings.world, "new metadata");
    this.#freshness = new Freshness(settings, this.#ended.signal);
  }

  /** Finds the cluster, as {@linkcode Search} says. */
  static async connect(settings: ClusterSettings, signal: AbortSignal | undefined): Promise<Cluster> {
    const cluster = new Cluster(settings);
    try {
      await cluster.#bootstrap(signal);
    } catch (error) {
      await cluster.close();
      throw error;
    }
    cluster.#refreshing = settings.world.task("metadata", () => cluster.#keepFresh());
    return cluster;
  }

  /** What is known now. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** The partition, if its topic is known and has it. */
  partition(topic: string, partition: number): PartitionInfo | undefined {
    return this.#snapshot.topics.get(topic)?.partitions[partition];
  }

  /** What a broker speaks, if it has been spoken to. */
  versionsOf(broker: number): BrokerVersions | undefined {
    return this.#pool.versions(`${broker}/produce`) ?? this.#pool.versions(`${broker}/control`);
  }

  /** A broker's connection for that kind of work, opened if need be. `LEADER_NOT_AVAILABLE`-like when the broker is not known. */
  connection(broker: number, lane: Lane, signal?: AbortSignal): Promise<Connection> {
    const info = this.#snapshot.brokers.get(broker);
    if (!info) {
      return Promise.reject(
        new KafkaError("NO_BROKERS", `Broker ${broker} is not in the cluster's metadata`, { broker: String(broker) }),
      );
    }
    return this.#pool.get(`${broker}/${lane}`, this.#addressOf(info), signal);
  }

  /** A lane for one consumer: a broker answers a connection's requests in their order, so one's long polls would hold up another's. */
  newFetchLane(): Lane {
    return `fetch ${++this.#fetchLanes}`;
  }

  /** Closes a lane's connections: whoever used it has ended. */
  closeLane(lane: Lane): void {
    this.#pool.drop((key) => key.endsWith(`/${lane}`));
  }

  /** Asks once. Rejects with what connecting and asking reject with; what the answer says is the caller's business. */
  async request<A extends Api>(target: Target, api: A, body: Body<A>, options: AskOptions): Promise<Response<A>> {
    return (await this.#ask(target, api, body, options)).response;
  }

  /**
   * Does something again until it goes well, the error is one that does not heal, or the signal aborts; metadata is fetched in the
   * background meanwhile. When the time is up, the last failure is the cause.
   */
  async retrying<T>(work: (attempt: number) => Promise<T>, signal: AbortSignal): Promise<T> {
    const backoff = new Backoff(this.#world, this.#settings);
    let last: unknown;
    for (let attempt = 1;; attempt++) {
      try {
        return await work(attempt);
      } catch (error) {
        // What fails when the time is up already is no more than the cause.
        if (signal.aborted) throw because(signal.reason, error === signal.reason ? last : error);
        if (!isRetriable(error)) throw error;
        last = error;
        if (isHarmless(error)) continue;
        this.lookAgain();
        const delayMs = backoff.nextMs();
        this.#settings.telemetry.callRetried(attempt, delayMs, error);
        try {
          await this.#world.sleep(delayMs, signal);
        } catch (reason) {
          throw because(reason, last);
        }
      }
    }
  }

  /** The deadline of one call: `ms`, or `requestTimeoutMs`, the caller's signal, and the end of the cluster; `where` belongs to its error. */
  deadline<T>(
    what: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
    where?: ErrorContext,
    ms: number = this.#settings.requestTimeoutMs,
  ): Promise<T> {
    const expired = () => new KafkaError("REQUEST_TIMEOUT", `${what} did not end within ${ms} ms`, where);
    return withDeadline(this.#world, ms, signal, expired, async (deadline) => {
      this.#ended.signal.throwIfAborted();
      this.#calls.add(deadline);
      try {
        return await work(deadline.signal);
      } finally {
        this.#calls.delete(deadline);
      }
    });
  }

  /** Fetches metadata of the topics, or of all there are, and gives the new snapshot. One try over all that can be asked. */
  async refresh(topics: readonly string[] | null, signal?: AbortSignal): Promise<Snapshot> {
    const startedAt = this.#world.now();
    const { telemetry } = this.#settings;
    try {
      const { label } = await this.#refresh(topics, signal);
      telemetry.metadataFetched(label, startedAt, this.#snapshot);
      return this.#snapshot;
    } catch (error) {
      telemetry.metadataFailed(startedAt, this.#snapshot, error);
      throw error;
    }
  }

  async #refresh(topics: readonly string[] | null, signal: AbortSignal | undefined): Promise<Connection> {
    const asked = topics && new Set(topics);
    const body = (version: number) => {
      // Brokers before v4 create what they are asked about, if they are set up to: ask for everything, and look there.
      const names = asked && version >= NO_AUTO_CREATION ? [...asked].map((name) => ({ name })) : null;
      const all = version === 0 ? [] : null;
      return { topics: names ?? all, ...(version >= NO_AUTO_CREATION && { allowAutoTopicCreation: false }) };
    };
    const { response, version, connection } = await this.#ask("any", metadata, body, { signal });
    this.#checkWhole(response.errorCode, connection);
    const about = asked && version >= NO_AUTO_CREATION ? [...asked] : null;
    this.#learn(learned(this.#snapshot, response, version, about, this.#grace()), connection);
    return connection;
  }

  /**
   * Somebody was told that what we know is out of date: fetches metadata in the background, soon. A broker that did not answer in time
   * is asked after all others for a while: once it is awake again it may still believe that it leads what others lead by now.
   */
  lookAgain(because?: unknown): void {
    const isSlow = because instanceof KafkaError &&
      (because.code === "REQUEST_TIMEOUT" || because.code === "REQUEST_TIMED_OUT");
    if (isSlow && because.broker !== undefined) this.#doubted.set(because.broker, this.#world.now() + DOUBT_MS);
    this.#freshness.lookAgain();
  }

  /**
   * A broker has named the partition's new leader (KIP-951). Whether that is who is known to lead now: an epoch that is not newer
   * changes nothing, and a broker that nobody knows has to be looked for.
   */
  leaderMoved(topic: string, partition: number, leader: number, leaderEpoch: number): boolean {
    const next = moved(this.#snapshot, topic, partition, leader, leaderEpoch);
    if (next !== this.#snapshot) {
      this.#snapshot = next;
      this.changed.open();
    }
    return this.partition(topic, partition)?.leader === leader;
  }

  /** The topic's metadata is kept up to date from now on, until it is let go as often. */
  use(topic: string): void {
    this.#freshness.use(topic);
  }

  /** The opposite of `use`. */
  letGo(topic: string): void {
    this.#freshness.letGo(topic);
  }

  /** A topic by name, asked for if it is not known: `UNKNOWN_TOPIC_OR_PARTITION`, or what the broker says of it. */
  async topic(name: string, signal: AbortSignal | undefined): Promise<TopicInfo> {
    const find = () => this.#snapshot.topics.get(name);
    const known = find();
    if (known && !this.#snapshot.errors.has(name)) return known;
    return await this.deadline(`Looking for the topic ${name}`, signal, (signal) =>
      this.retrying(async (attempt) => {
        await this.refresh([name], signal);
        const error = this.#snapshot.errors.get(name);
        const topic = find();
        if (topic && error === undefined) return topic;
        // A broker may not have heard of a new topic yet: one more look, then it is believed.
        const believed =
          (error ?? errorNumbers.UNKNOWN_TOPIC_OR_PARTITION) === errorNumbers.UNKNOWN_TOPIC_OR_PARTITION &&
          attempt > 1;
        throw KafkaError.ofBroker(error ?? errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, name, {
          topic: name,
          ...(believed && { retriable: false }),
        });
      }, signal), { topic: name });
  }

  /** Closes every connection, ends the calls that are under way with `CLOSED`, and what runs in the background. */
  async close(): Promise<void> {
    if (!this.#ended.signal.aborted) this.#ended.abort(new KafkaError("CLOSED", "The client has been closed"));
    for (const call of this.#calls) call.end(this.#ended.signal.reason);
    this.#freshness.end();
    await this.#pool.close();
    await this.#refreshing;
  }

  /** Asks once more where a connection ended that was idle, or that is not needed any more: that is nobody's failure. */
  async #ask<A extends Api>(target: Target, api: A, body: Body<A>, options: AskOptions): Promise<Answered<A>> {
    for (;;) {
      this.#ended.signal.throwIfAborted();
      try {
        if (target === "any") return await this.#askAny(api, body, options);
        return await this.#askOn(await this.reach(target, options), api, body, options);
      } catch (error) {
        if (api.once || !isHarmless(error) || options.signal?.aborted) throw error;
      }
    }
  }

  async #askOn<A extends Api>(on: Connection, api: A, body: Body<A>, options: AskOptions): Promise<Answered<A>> {
    const { signal, versionMax, timeoutMs = this.#settings.requestTimeoutMs } = options;
    const version = on.pick(api, versionMax);
    const response = await on.request(api, body, { timeoutMs, signal, versionMax: version });
    return { version, response, connection: on };
  }

  /** Whoever answers first; those that cannot be reached, are slow or fail do not hold up the others. */
  #askAny<A extends Api>(api: A, body: Body<A>, options: AskOptions): Promise<Answered<A>> {
    return this.#first(options.signal, async ({ key, address }, signal) => {
      const connection = await this.#pool.get(key, address, signal);
      try {
        return await this.#askOn(connection, api, body, { ...options, signal });
      } catch (error) {
        if (!isHarmless(error) || signal.aborted) throw error;
        return await this.#askOn(await this.#pool.get(key, address, signal), api, body, { ...options, signal });
      }
    });
  }

  /** A connection to whom the target names, as far as that is known; `any`: whoever can be reached first. */
  reach(target: Target, options: AskOptions): Promise<Connection> {
    const { lane = "control", signal } = options;
    if (target === "any") return this.#anyConnection(options);
    if (target === "controller") {
      const id = this.#snapshot.controllerId;
      // Where no broker says who it is, any will do: it answers NOT_CONTROLLER, or does not know the request at all.
      return id >= 0 ? this.connection(id, lane, signal) : this.#anyConnection(options);
    }
    if ("broker" in target) return this.connection(target.broker, lane, signal);
    if ("coordinatorOf" in target) {
      return this.coordinators.of(target.coordinatorOf, signal).then((broker) => this.connection(broker, lane, signal));
    }
    const { topic, partition } = target.leaderOf;
    const info = this.partition(topic, partition);
    if (!info) {
      return Promise.reject(KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "", { topic, partition }));
    }
    if (info.leader < 0) {
      return Promise.reject(KafkaError.ofBroker(errorNumbers.LEADER_NOT_AVAILABLE, "", { topic, partition }));
    }
    return this.connection(info.leader, lane, signal);
  }

  /** Whoever can be reached first. */
  #anyConnection({ signal }: AskOptions): Promise<Connection> {
    return this.#first(signal, ({ key, address }, signal) => this.#pool.get(key, address, signal));
  }

  /** The first success: with the brokers, those that are connected and least busy first, and then the bootstrap hosts (KIP-899). */
  async #first<T>(
    signal: AbortSignal | undefined,
    attempt: (candidate: Candidate, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const causes = new Map<string, unknown>();
    const race = {
      world: this.#world,
      attempt,
      headStartMs: ({ key }: Candidate) => this.#pool.open(key) ? ANSWER_HEAD_START_MS : HEAD_START_MS,
      failed: ({ address }: Candidate, error: unknown) => causes.set(labelOf(address), error),
    };
    const first = await firstOf(race, this.#candidates(), signal);
    if (first) return first.value;
    this.#ended.signal.throwIfAborted();
    throw [...causes.values()].some(isRetriable) ? noBrokers(causes) : incurable(causes);
  }

  /** Each address once: a broker that is also a bootstrap host is asked as the broker. */
  #candidates(): Candidate[] {
    const known = [...this.#snapshot.brokers.values()].map((info) => ({
      key: `${info.id}/control`,
      address: this.#addressOf(info),
    }));
    const addresses = new Set(known.map(({ address }) => labelOf(address)));
    const seeds = this.#settings.hosts.map((address) => ({ key: seedKey(address), address }));
    const others = seeds.filter(({ address }) => !addresses.has(labelOf(address)));
    // Not every client is to ask the same one.
    const start = Math.floor(this.#world.random() * known.length);
    const candidates = [...known.slice(start), ...known.slice(0, start), ...others];
    const load = new Map(
      candidates.map((one) => [one.key, this.#isDoubted(one) ? Infinity : this.#pool.load(one.key)]),
    );
    const order = (a: number, b: number) => a === b ? 0 : a < b ? -1 : 1;
    return candidates.sort((a, b) => order(load.get(a.key)!, load.get(b.key)!));
  }

  #isDoubted({ address }: Candidate): boolean {
    const until = this.#doubted.get(labelOf(address));
    if (until === undefined) return false;
    if (until > this.#world.now()) return true;
    this.#doubted.delete(labelOf(address));
    return false;
  }

  async #bootstrap(signal: AbortSignal | undefined): Promise<void> {
    await new Search(this.#settings, (address, signal) => this.#bootstrapFrom(address, signal)).run(signal);
    // Hosts that were still being tried are not needed now.
    this.#pool.keep((key) => this.#pool.open(key) !== undefined);
  }

  async #bootstrapFrom(address: Address, signal: AbortSignal): Promise<void> {
    const connection = await this.#pool.get(seedKey(address), address, signal);
    const { requestTimeoutMs: timeoutMs } = this.#settings;
    const startedAt = this.#world.now();
    const version = connection.pick(metadata);
    const all = { topics: version === 0 ? [] : null };
    const response = await connection.request(metadata, all, { timeoutMs, signal, versionMax: version }).catch(
      async (error) => {
        if (isHangup(error)) await this.#pool.throwIfSasl(address, signal);
        throw error;
      },
    );
    this.#checkWhole(response.errorCode, connection);
    this.#learn(learned(this.#snapshot, response, version, null), connection);
    this.#settings.telemetry.metadataFetched(connection.label, startedAt, this.#snapshot);
  }

  /** An answer that failed as a whole says nothing about topics and brokers. */
  #checkWhole(errorCode: number, from: Connection): void {
    if (errorCode === 0) return;
    const isLost = errorCode === errorNumbers.REBOOTSTRAP_REQUIRED;
    if (isLost) {
      this.#snapshot = { ...this.#snapshot, brokers: new Map() };
      this.#pool.keep(() => false);
    }
    throw KafkaError.ofBroker(errorCode, "", { broker: from.label, ...(isLost && { retriable: true }) });
  }

  #learn(snapshot: Snapshot, from: Connection): void {
    // Brokers of 0.8.2 name no brokers before the first topic: what was known is worth more than that.
    const brokers = snapshot.brokers.size > 0 ? snapshot.brokers : this.#snapshot.brokers;
    this.#snapshot = { ...snapshot, brokers };
    for (const info of brokers.values()) {
      const address = this.#addressOf(info);
      if (labelOf(address) === from.label) this.#pool.adopt(seedKey(address), `${info.id}/control`);
    }
    this.#pool.keep((key) => key.startsWith("seed ") || brokers.has(Number(key.split("/")[0])));
    this.#freshness.fetched();
    if (snapshot.missing.size > 0) this.#freshness.lookAgain();
    this.changed.open();
  }

  #grace(): Grace {
    return { now: this.#world.now(), isInUse: (topic) => this.#freshness.isInUse(topic) };
  }

  #addressOf({ host, port }: BrokerInfo): Address {
    return this.#settings.mapAddress(host, port);
  }

  async #keepFresh(): Promise<void> {
    const { signal } = this.#ended;
    await this.#freshness.keep((topics) =>
      this.deadline("Fetching metadata", signal, (signal) => this.refresh(topics, signal))
    );
  }
}

function isHangup(error: unknown): boolean {
  return error instanceof KafkaError && (error.code === "CONNECTION_CLOSED" || error.code === "CONNECTION_RESET");
}

function seedKey(address: Address): string {
  return `seed ${labelOf(address)}`;
}

/** A deadline's own error says how long was waited; what was waited for is worth more. A caller's reason stays as it is. */
function because(reason: unknown, cause: unknown): unknown {
  const isOurs = reason instanceof KafkaError && reason.code === "REQUEST_TIMEOUT" && reason.cause === undefined;
  return isOurs && cause !== undefined ? reason.within({ cause }) : reason;
}
