/** The embedded Kafka cluster: brokers in the process that speak the real protocol, over memory, over TCP, or in a simulated world. */

import { KafkaError } from "../base/errors.ts";
import {
  checkOptions,
  either,
  type OptionRule,
  type OptionRules,
  someFunction,
  someObject,
  trueOrFalse,
  wholeNumber,
} from "../base/options.ts";
import type { Codecs } from "../records/compression.ts";
import type { Message } from "../records/message.ts";
import { lz4 } from "../records/lz4.ts";
import { snappy } from "../records/snappy.ts";
import type { Address, Dial } from "../transport/transport.ts";
import type { Api } from "../wire/schema.ts";
import { createTopic } from "./apis/create_topics.ts";
import { Broker, type BrokerParts } from "./broker.ts";
import { Bus } from "./bus.ts";
import { Controller } from "./controller.ts";
import type { TopicOffsets } from "./group_offsets.ts";
import { type Control, Controls } from "./controls.ts";
import { errorNumbers } from "../base/error_codes.ts";
import { Log } from "./log.ts";
import { type Pace, paceOf, type PaceOptions } from "./pace.ts";
import { Partition, type Topic } from "./partition.ts";
import { type Place, placeOf, type PlaceOptions } from "./place.ts";
import type { Node, TopicState } from "./picture.ts";
import { type Quota, Quotas } from "./quotas.ts";
import { Referee } from "./referee.ts";
import { isRelease, minorReleases, newestRelease, type Release, releaseOf } from "./releases.ts";
import { type Disk, keyOf, Replicator } from "./replicator.ts";
import { Sessions } from "./sessions.ts";
import { checkSasl, type SaslOptions } from "./sasl.ts";
import { openStored } from "./stored.ts";
import type { Process } from "./world.ts";

/** How a topic is made. */
export interface TopicOptions {
  /** How many partitions; 1 if not said. */
  readonly partitions?: number | undefined;
  /** How many brokers have each of them; 1 if not said. */
  readonly replicationFactor?: number | undefined;
  /** Its settings, such as `{ "max.message.bytes": "2000000" }`. */
  readonly configs?: Readonly<Record<string, string>> | undefined;
}

/** How a broker is started again. */
export interface StartOptions {
  /** Where it listens from now on. */
  readonly host?: string | undefined;
  /** Where it listens from now on. */
  readonly port?: number | undefined;
  /** Which Kafka it plays from now on, one of {@linkcode minorReleases}, with or without a patch level. */
  readonly release?: string | undefined;
}

/** How a cluster is made. */
export interface ClusterOptions extends PaceOptions, PlaceOptions {
  /** How many brokers, with ids from 1 on; 1 if not said. */
  readonly brokers?: number | undefined;
  /** Which Kafka it plays, one of {@linkcode minorReleases}, with or without a patch level; the newest if not said. */
  readonly release?: string | undefined;
  /** Topics to begin with, by name. */
  readonly topics?: Readonly<Record<string, TopicOptions>> | undefined;
  /** The codecs that the brokers have beside snappy and lz4. What they have none for, they store as it is but cannot convert or search. */
  readonly codecs?: Codecs | undefined;
  /** Milliseconds after which a broker closes a connection on which nothing is asked (Kafka: 600,000); Infinity, never, if not said. */
  readonly connectionsMaxIdleMs?: number | undefined;
  /**
   * Whether a client fails the cluster that does what real brokers put up with: `close()` rejects with `PROTOCOL_ERROR` then. It may
   * not ask while it is throttled (KIP-219), nor for metadata more than a hundred times a second, nor what the broker has not listed
   * or cannot read. A producer may not send other bytes under sequences that were stored, nor a batch before the one in front of it,
   * nor begin a new epoch with another sequence than 0, nor have more than five batches of a partition in flight (KIP-98). Nothing
   * that the network does leads to any of that. False if not said.
   */
  readonly strict?: boolean | undefined;
  /**
   * The epoch that producer ids are handed out with, 0 to 32,767; 0, as by Kafka, if not said. With one near the end a test sees
   * what a producer does that has used up its epochs.
   */
  readonly producerEpochs?: number | undefined;
  /**
   * Whether a replica that is not in sync may lead where no other is left, so that what was acknowledged may be lost, if the topic's
   * `unclean.leader.election.enable` does not say. False if not said, whatever the release.
   */
  readonly uncleanElections?: boolean | undefined;
  /**
   * Milliseconds after which a partition forgets a producer that has not written (`producer.id.expiration.ms`), by the timestamps of
   * its records; brokers look every ten minutes. A day if not said, a week before 3.4.
   */
  readonly producerIdExpirationMs?: number | undefined;
  /** How clients have to authenticate, before they are heard. Nobody has to if not said. */
  readonly sasl?: SaslOptions | undefined;
}

const RULES: OptionRules<ClusterOptions> = {
  brokers: wholeNumber(1, 1000),
  release: { allowed: `one of ${minorReleases.join(", ")}, with or without a patch level`, accepts: isRelease },
  world: someObject,
  listen: someFunction,
  simulation: someObject,
  topics: someObject,
  codecs: someObject,
  connectionsMaxIdleMs: either(wholeNumber(1, 0x7fffffff), {
    allowed: "Infinity",
    accepts: (value) => value === Infinity,
  }),
  strict: trueOrFalse,
  producerEpochs: wholeNumber(0, 32_767),
  uncleanElections: trueOrFalse,
  replicaLagMs: wholeNumber(1, 0x7fffffff),
  sessionMs: wholeNumber(0, 0x7fffffff),
  metadataDelayMs: wholeNumber(0, 0x7fffffff),
  replicationDelayMs: wholeNumber(0, 0x7fffffff),
  producerIdExpirationMs: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  sasl: someObject,
};

const aboveZero: OptionRule = {
  allowed: "a number above 0",
  accepts: (value) => typeof value === "number" && value > 0 && value < Infinity,
};

const QUOTA_RULES: OptionRules<Quota> = {
  clientId: { allowed: "a text", accepts: (value) => typeof value === "string" },
  produceBytes: aboveZero,
  fetchBytes: aboveZero,
  requests: aboveZero,
};

/** Where an entry says its format. */
const MAGIC_AT = 16;

/** A broker's place: what stays when it is killed and started again. */
interface Seat {
  readonly id: number;
  release: Release;
  readonly disk: Disk;
  address: Address;
  broker: Broker | undefined;
  process: Process | undefined;
}

/**
 * A Kafka cluster in the process: to try things out, to test applications with, and to simulate with.
 *
 * ```ts ignore
 * const cluster = await Cluster.start({ brokers: 3, topics: { "my.test": { partitions: 2 } } });
 * const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial });
 * // …
 * await client.close();
 * await cluster.close();
 * ```
 *
 * Followers copy their leaders' logs, and brokers hear of leaders and topics from a controller: outside a simulation at once,
 * unless the options say otherwise; in a simulation with delays that are drawn.
 */
export class Cluster {
  /** Connects to the brokers over memory; over TCP use the door's own `dial`, in a simulation `dialOf(network, process)`. */
  readonly dial: Dial;
  readonly #seats: readonly Seat[];
  readonly #pace: Pace;
  readonly #bus: Bus;
  readonly #controller: Controller;
  readonly #sessions: Sessions;
  /** The brokers that run, as they talk to one another. */
  readonly #replicators = new Map<number, Replicator>();
  readonly #controls: Controls;
  readonly #codecs: Codecs;
  readonly #place: Place;
  readonly #habits: Pick<
    BrokerParts,
    "connectionsMaxIdleMs" | "referee" | "quotas" | "producerEpochs" | "producerIdExpirationMs" | "sasl"
  >;
  #isClosed = false;

  /** Made by {@linkcode Cluster.start}. */
  private constructor(options: ClusterOptions, place: Place) {
    this.#place = place;
    const release = releaseOf(options.release ?? newestRelease);
    const pace = this.#pace = paceOf(options, options.simulation?.world.chance.fork("cluster"));
    const bus = this.#bus = new Bus(pace.delay);
    const uncleanElections = options.uncleanElections ?? false;
    this.#controller = new Controller({ world: place.world, release, bus, uncleanElections });
    this.#sessions = new Sessions(bus, this.#controller, pace.sessionMs);
    this.#controls = new Controls();
    this.#codecs = { snappy, lz4, ...options.codecs };
    this.#seats = Array.from({ length: options.brokers ?? 1 }, (_, i): Seat => {
      return {
        id: i + 1,
        disk: new Map(),
        release,
        address: place.address(i + 1),
        broker: undefined,
        process: undefined,
      };
    });
    this.dial = place.dial;
    const { connectionsMaxIdleMs = Infinity, strict = false, producerEpochs = 0, producerIdExpirationMs } = options;
    const referee = strict ? new Referee(options.simulation !== undefined) : undefined;
    const { sasl } = options;
    const quotas = new Quotas();
    this.#habits = { connectionsMaxIdleMs, referee, quotas, producerEpochs, producerIdExpirationMs, sasl };
  }

  /** Starts a cluster; it is there at once. `INVALID_OPTION` for options that are not allowed or do not go together. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    checkOptions("Cluster.start", options, RULES, {});
    if (options.sasl) checkSasl(options.sasl, options.release ?? newestRelease);
    const cluster = new Cluster(options, placeOf(options));
    try {
      for (const seat of cluster.#seats) await cluster.#startBroker(seat);
      for (const [name, topic] of Object.entries(options.topics ?? {})) await cluster.createTopic(name, topic);
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** Where to find the brokers, as `connect` takes it. */
  get hosts(): string {
    return this.#seats.map(({ address: { host, port } }) => `${host}:${port}`).join(",");
  }

  /** The cluster's id. */
  get clusterId(): string {
    return this.#controller.clusterId;
  }

  /** The release that it was started as; a broker that was started again may be of another. */
  get release(): string {
    return this.#controller.release.name;
  }

  /** The brokers, those that are down too. */
  get brokers(): readonly Node[] {
    return [...this.#controller.nodes.values()];
  }

  /** The id of the controller; -1 if no broker runs. */
  get controllerId(): number {
    return this.#controller.controllerId;
  }

  /** The topics by name. */
  get topics(): ReadonlyMap<string, Topic> {
    return new Map([...this.#controller.topics.values()].map((topic) => [topic.name, this.#topic(topic)]));
  }

  /** A partition: its leader, epoch, replicas and log. `UNKNOWN_TOPIC_OR_PARTITION` if there is none. */
  partition(topic: string, partition: number): Partition {
    const found = this.topics.get(topic)?.partitions[partition];
    if (!found) throw KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "", { topic, partition });
    return found;
  }

  /** What is in a partition now, from its first offset on: what is committed, so that a consumer could read it. */
  async records(topic: string, partition: number): Promise<Message[]> {
    const { log, highWatermark } = this.partition(topic, partition);
    const messages: Message[] = [];
    for (const stored of [...log.stored]) {
      if (stored.lastOffset >= highWatermark) break;
      for (const message of await openStored(stored, { topic, partition }, this.#codecs)) {
        if (message.offset >= log.startOffset) messages.push(message);
      }
    }
    return messages;
  }

  /** What a group has committed, by topic and partition: to Kafka, or to ZooKeeper. */
  committed(group: string, keeper: "kafka" | "zookeeper" = "kafka"): TopicOffsets {
    const { offsets, zookeeperOffsets } = this.#controller;
    return (keeper === "kafka" ? offsets : zookeeperOffsets).of(group);
  }

  /** The broker that keeps a group's offsets; undefined if none runs. */
  coordinatorOf(group: string): number | undefined {
    return this.#controller.coordinatorOf(group);
  }

  /** Makes a topic. Rejects with the error that a client would get. */
  // deno-lint-ignore require-await -- so that what is thrown rejects
  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    const { partitions = 1, replicationFactor = 1, configs = {} } = options;
    const host = this.#seats.find(({ id }) => id === this.#controller.controllerId)?.broker;
    if (!host) throw new KafkaError("NO_BROKERS", "no broker of the cluster runs, so there is no controller");
    const wanted = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const { errorCode, errorMessage } = createTopic(
      { name, numPartitions: partitions, replicationFactor, assignments: [], configs: wanted },
      host,
    );
    if (errorCode !== errorNumbers.NONE) throw KafkaError.ofBroker(errorCode, errorMessage ?? "", { topic: name });
    this.#controller.tellNow();
  }

  /** Deletes a topic. `UNKNOWN_TOPIC_OR_PARTITION` if there is none. */
  deleteTopic(name: string): void {
    const topic = this.#controller.topics.get(name);
    if (!topic) throw KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "", { topic: name });
    this.#controller.deleteTopic(topic);
  }

  /**
   * Gives a topic more partitions: `count` in all, which has to be more than it has (`INVALID_PARTITIONS`). Their replicas are as many
   * as the first one's. `UNKNOWN_TOPIC_OR_PARTITION` if there is no such topic.
   */
  addPartitions(name: string, count: number): void {
    const topic = this.#controller.topics.get(name);
    if (!topic) throw KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "", { topic: name });
    const { length } = topic.partitions;
    if (!(Number.isInteger(count) && count > length)) {
      const detail = `the topic has ${length} partitions, and can only have more, not ${count}`;
      throw KafkaError.ofBroker(errorNumbers.INVALID_PARTITIONS, detail, { topic: name });
    }
    const { replicas } = topic.partitions[0]!;
    const factor = Math.min(replicas.length, this.#controller.aliveIds().length);
    this.#controller.addPartitions(topic, this.#controller.spread(count, factor, replicas[0]).slice(length));
    this.#controller.tellNow();
  }

  /** Drops what is before `offset`, as retention does; nothing that is not committed. */
  deleteRecords(topic: string, partition: number, offset: number): void {
    const { leader } = this.partition(topic, partition);
    const { id } = this.#controller.topics.get(topic)!;
    this.#replicators.get(leader)?.deleteBefore(id, partition, offset);
  }

  /**
   * Lets `control` answer the next `times` requests of an API (1 if not said; those that it leaves to the broker do not count), on
   * whichever broker. Gives what ends it.
   */
  control<A extends Api>(api: A, control: Control<A>, times = 1): () => void {
    return this.#controls.add(api, control, times);
  }

  /**
   * Limits what clients may ask of each broker in a second; who asks for more is throttled (KIP-219). Gives what ends it.
   * `INVALID_OPTION` for a quota without a rate above 0.
   */
  throttle(quota: Quota): () => void {
    checkOptions("Cluster.throttle", quota, QUOTA_RULES, {});
    const { produceBytes, fetchBytes, requests } = quota;
    if (produceBytes === undefined && fetchBytes === undefined && requests === undefined) {
      throw new KafkaError("INVALID_OPTION", "Cluster.throttle needs produceBytes, fetchBytes or requests");
    }
    return this.#habits.quotas.add(quota);
  }

  /** Hands a partition to another broker, which has to be one of its replicas in sync and to run. */
  moveLeader(topic: string, partition: number, id: number): void {
    const { isr } = this.partition(topic, partition);
    if (!isr.includes(id) || !this.#controller.nodes.get(id)?.alive) {
      throw new KafkaError(
        "INVALID_OPTION",
        `broker ${id} is no living replica in sync; in sync are ${isr.join(", ")}`,
        { topic, partition },
      );
    }
    this.#controller.moveLeader(this.#controller.topics.get(topic)!, partition, id);
  }

  /** Lets a broker copy nothing from its leaders from now on, so that its replicas fall behind. Gives what ends that. */
  hold(id: number): () => void {
    return this.#bus.hold(this.#seat(id).id);
  }

  /**
   * Cuts a broker off from the others and the controller from now on, but not from clients: after `sessionMs` its partitions go to
   * others, and it does not know. Gives what ends that.
   */
  cutOff(id: number): () => void {
    const end = this.#bus.cutOff(this.#seat(id).id);
    const life = this.#replicators.get(id);
    if (life) this.#sessions.silent(life, () => this.#bus.isCutOff(id));
    return end;
  }

  /**
   * Ends a broker at once: its connections break, what it was doing is not answered. Its partitions go to the next replica in
   * sync, or wait until it comes back: as soon as it is missed. In a simulation its process is killed.
   */
  async kill(id: number): Promise<void> {
    const seat = this.#seat(id);
    const { broker, process } = seat;
    seat.broker = undefined;
    if (process) return process.kill();
    const stopped = broker?.stop();
    if (broker) this.#ended(broker.replicas, this.#pace.diesSilently());
    await stopped;
    throwFailure(broker);
  }

  /**
   * Starts a broker again that was killed, with all that it had: where and as what it was, or at another address, or as another
   * release. So a cluster is upgraded while it runs, one broker after the other: each behaves as its own release, and what is stored
   * keeps to the format and the codecs that the oldest of them knows, until it is upgraded too. `INVALID_OPTION` for a release that
   * cannot read what the broker has.
   */
  async start(id: number, { host, port, release }: StartOptions = {}): Promise<void> {
    const seat = this.#seat(id);
    if (this.#isClosed) throw new KafkaError("CLOSED", "the cluster has been closed");
    if (seat.broker && !seat.process?.isDead) return;
    if (release !== undefined) seat.release = this.#releaseFor(id, release);
    seat.address = { host: host ?? seat.address.host, port: port ?? seat.address.port };
    await this.#startBroker(seat);
  }

  /** Ends all brokers and leaves nothing behind. Rejects with what went wrong in a broker or a control, if anything did. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const brokers = this.#seats.filter(({ process }) => !process?.isDead).flatMap(({ broker }) => broker ?? []);
    for (const life of this.#replicators.values()) this.#bus.leave(life);
    this.#bus.leave(this.#controller);
    await Promise.all(brokers.map((broker) => broker.stop()));
    for (const broker of brokers) throwFailure(broker);
    const fault = this.#habits.referee?.fault;
    if (fault) throw fault;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #seat(id: number): Seat {
    const seat = this.#seats[id - 1];
    if (!seat) throw new KafkaError("INVALID_OPTION", `there is no broker ${id}; there are 1 to ${this.#seats.length}`);
    return seat;
  }

  async #startBroker(seat: Seat): Promise<void> {
    const { id } = seat;
    const { world, listen, process } = this.#place.settle(id);
    const { release } = seat;
    const replicas = new Replicator({
      ...{ id, world, disk: seat.disk, bus: this.#bus, controller: this.#controller },
      ...{ others: this.#replicators, lagMs: this.#pace.replicaLagMs },
    });
    const broker = new Broker({
      ...{ id, world, release, listen, controller: this.#controller, replicas },
      ...{ controls: this.#controls, codecs: this.#codecs },
      ...this.#habits,
    });
    seat.broker = broker;
    seat.process = process;
    seat.address = await broker.start(seat.address);
    this.#bus.join(replicas);
    this.#replicators.set(id, replicas);
    process?.atDeath(() => this.#ended(replicas, this.#pace.diesSilently()));
    process?.atFreeze(() => this.#sessions.silent(replicas, () => process.frozenUntil > process.world.now));
    this.#controller.brokerUp(replicas, { id, ...seat.address, alive: true, release: release.name });
  }

  #ended(life: Replicator, isSilent: boolean): void {
    this.#bus.leave(life);
    if (this.#replicators.get(life.id) === life) this.#replicators.delete(life.id);
    this.#sessions.ended(life, isSilent);
  }

  #topic({ name, id, configs, partitions }: TopicState): Topic {
    let last = partitions;
    const views = partitions.map(({ index }) =>
      new Partition({
        // What is gone stays as it was last.
        state: () => (last = this.#controller.topicById(id)?.partitions ?? last)[index]!,
        log: (broker) => this.#seat(broker).disk.get(keyOf(id, index)) ?? new Log(),
      })
    );
    return { name, id, configs, partitions: views };
  }

  #releaseFor(id: number, name: string): Release {
    const release = releaseOf(name);
    for (const [topic, { partitions }] of this.topics) {
      for (const { index, replicas, log } of partitions) {
        if (!replicas.includes(id) || log.stored.every(({ bytes }) => bytes[MAGIC_AT]! <= release.magic)) continue;
        throw new KafkaError("INVALID_OPTION", `${name} cannot read what broker ${id} has`, {
          topic,
          partition: index,
        });
      }
    }
    return release;
  }
}

function throwFailure(broker: Broker | undefined): void {
  if (broker?.failure) throw broker.failure.error;
}
