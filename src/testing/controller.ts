/** The controller of the embedded cluster: which brokers there are, which topics, and who leads what. */

import type { World } from "../base/world.ts";
import { type Bus, CONTROLLER, type Peer } from "./bus.ts";
import { coordinatorOf, GroupOffsets } from "./group_offsets.ts";
import type { Node, PartitionState, Picture, TopicState } from "./picture.ts";
import { ProducerIdBlocks } from "./producer_ids.ts";
import { oldestOf, type Release, releaseOf } from "./releases.ts";

/** Somebody that hears how the cluster stands. */
export interface Listener extends Peer {
  /** It hears of it. */
  see(picture: Picture): void;
}

/** What a leader wants to be in sync, and what it thought when it did. */
export interface IsrChange {
  /** The topic's id. */
  readonly topicId: string;
  /** The partition. */
  readonly index: number;
  /** As which leader it asks. */
  readonly leaderEpoch: number;
  /** What it wants to change. */
  readonly version: number;
  /** Who is in sync. */
  readonly isr: readonly number[];
}

/** What a controller is made of. */
export interface ControllerParts {
  /** Its time, and where ids are drawn from. */
  readonly world: World;
  /** Which release it is. */
  readonly release: Release;
  /** How it talks to the brokers. */
  readonly bus: Bus;
  /** Whether a replica that is not in sync may lead where no other can, if the topic does not say. */
  readonly uncleanElections: boolean;
}

/**
 * What is true of the cluster, and the rules by which it changes. The brokers hear of it when they hear of it: what they do in the
 * meantime is by their own picture.
 */
export class Controller implements Peer {
  readonly id: number = CONTROLLER;
  readonly world: World;
  /** The cluster's id. */
  readonly clusterId: string;
  /** Which release its brokers were to begin with. */
  readonly release: Release;
  /**
   * The oldest release among its brokers, those that are down too. What they store follows it: a record format or a codec comes into
   * use when the last broker knows it, as where `log.message.format.version` and `inter.broker.protocol.version` are raised at the
   * end of an upgrade. In all else each broker behaves as its own release.
   */
  floor: Release;
  /** What groups have committed. */
  readonly offsets: GroupOffsets = new GroupOffsets();
  /** What groups have committed to ZooKeeper, through a broker. */
  readonly zookeeperOffsets: GroupOffsets = new GroupOffsets();
  /** The producer ids that brokers take their own from. */
  readonly producerIds: ProducerIdBlocks = new ProducerIdBlocks();
  /** Whether there is a place for offsets already: somebody has asked for a coordinator. */
  hasOffsets = false;
  readonly #bus: Bus;
  readonly #uncleanElections: boolean;
  readonly #nodes = new Map<number, Node>();
  readonly #lives = new Map<number, Listener>();
  readonly #topics = new Map<string, TopicState>();
  /** Who is being told that something has changed. */
  readonly #telling = new Set<Listener>();
  #picture: Picture | undefined;
  #controllerId = -1;
  #topicsMade = 0;

  /** An empty cluster. */
  constructor({ world, release, bus, uncleanElections }: ControllerParts) {
    this.world = world;
    this.release = this.floor = release;
    this.#bus = bus;
    this.#uncleanElections = uncleanElections;
    this.clusterId = base64(world.entropy(16));
    bus.join(this);
  }

  /** How the cluster stands now. */
  get picture(): Picture {
    return this.#picture ??= {
      nodes: new Map(this.#nodes),
      topics: new Map(this.#topics),
      byId: new Map([...this.#topics.values()].map((topic) => [topic.id, topic])),
      controllerId: this.#controllerId,
    };
  }

  /** The brokers, by id. */
  get nodes(): ReadonlyMap<number, Node> {
    return this.#nodes;
  }

  /** The topics, by name, in the order in which they were made. */
  get topics(): ReadonlyMap<string, TopicState> {
    return this.#topics;
  }

  /** Which broker is the controller; -1 if none runs. */
  get controllerId(): number {
    return this.#controllerId;
  }

  /** Whether there ever was a topic. */
  get hasHadTopics(): boolean {
    return this.#topicsMade > 0;
  }

  /** The topic of that id. */
  topicById(id: string): TopicState | undefined {
    return this.picture.byId.get(id);
  }

  /** Which broker keeps a group's offsets; undefined if none runs. */
  coordinatorOf(group: string): number | undefined {
    return coordinatorOf(group, this.#nodes.values());
  }

  /** The ids of the brokers that run. */
  aliveIds(): number[] {
    return [...this.#nodes.values()].filter((node) => node.alive).map((node) => node.id);
  }

  /** A broker has come up, for the first time or again. It knows at once how things stand. */
  brokerUp(life: Listener, node: Node): void {
    const { id } = node;
    const before = this.#lives.get(id);
    // Its last life has not been missed yet: it ends now.
    if (before && before !== life) this.brokerDown(before);
    this.#lives.set(id, life);
    this.#nodes.set(id, node);
    this.floor = oldestOf([...this.#nodes.values()].map(({ release }) => releaseOf(release)));
    if (this.#controllerId < 0) this.#controllerId = id;
    this.#changeAll(id, (topic, partition) => partition.leader < 0 ? this.#elected(topic, partition) : partition);
    this.#picture = undefined;
    life.see(this.picture);
    this.#tell();
  }

  /** A broker is back that was missed, and had never ended. */
  brokerBack(life: Listener): void {
    const node = this.#nodes.get(life.id);
    if (this.#lives.get(life.id) !== life || !node || node.alive) return;
    this.brokerUp(life, { ...node, alive: true });
  }

  /** A broker is missed: its partitions go to the next replica in sync, or wait for it if it was the last. */
  brokerDown(life: Listener): void {
    const { id } = life;
    const node = this.#nodes.get(id);
    if (!node?.alive || this.#lives.get(id) !== life) return;
    this.#nodes.set(id, { ...node, alive: false });
    if (this.#controllerId === id) this.#controllerId = this.aliveIds()[0] ?? -1;
    this.#changeAll(id, (topic, partition) => {
      const isr = partition.isr.length > 1 ? partition.isr.filter((replica) => replica !== id) : partition.isr;
      const rest = isr.length < partition.isr.length ? changed(partition, { isr }) : partition;
      return rest.leader === id ? this.#elected(topic, rest) : rest;
    });
    this.#tell();
  }

  /** Makes a topic. Who asks has checked that it may be. */
  createTopic(
    name: string,
    assignment: readonly (readonly number[])[],
    configs: ReadonlyMap<string, string | null>,
  ): TopicState {
    this.#topicsMade++;
    const topic = { name, id: this.newId(), partitions: this.#made(assignment, 0), configs };
    this.#topics.set(name, topic);
    this.#tell();
    return topic;
  }

  /** Gives a topic more partitions. Who asks has checked that it may have them. */
  addPartitions(topic: TopicState, assignment: readonly (readonly number[])[]): void {
    const partitions = [...topic.partitions, ...this.#made(assignment, topic.partitions.length)];
    this.#topics.set(topic.name, { ...topic, partitions });
    this.#tell();
  }

  /** An id that no topic has. */
  newId(): string {
    return uuid(this.world.entropy(16));
  }

  /** Deletes a topic and all that is in it. */
  deleteTopic(topic: TopicState): void {
    this.#topics.delete(topic.name);
    this.offsets.deleteTopic(topic.name);
    this.#tell();
  }

  /** Hands a partition to another of its replicas, which is in sync. */
  moveLeader(topic: TopicState, index: number, id: number): void {
    this.#change(topic, (partition) => {
      return partition.index === index && partition.leader !== id ? led(partition, id) : partition;
    });
    this.#tell();
  }

  /**
   * Who is in sync, as a leader says (KIP-497). Undefined if it is not the leader any more, or spoke of what has changed since, or
   * named a broker that is missed (KIP-841).
   */
  alterIsr(from: Listener, { topicId, index, leaderEpoch, version, isr }: IsrChange): PartitionState | undefined {
    const topic = this.topicById(topicId);
    const partition = topic?.partitions[index];
    if (!topic || !partition || partition.leader !== from.id || this.#lives.get(from.id) !== from) return undefined;
    if (partition.leaderEpoch !== leaderEpoch || partition.version !== version) return undefined;
    if (!isr.every((id) => this.#nodes.get(id)?.alive)) return undefined;
    const altered = changed(partition, { isr: partition.replicas.filter((id) => isr.includes(id)) });
    this.#change(topic, (other) => other === partition ? altered : other);
    this.#tell();
    return altered;
  }

  /** Which brokers get each partition: in turn, beginning with `first`, or with the next broker for each topic. */
  spread(partitions: number, replicationFactor: number, first?: number): number[][] {
    const ids = this.aliveIds();
    const from = first === undefined ? this.#topicsMade : Math.max(0, ids.indexOf(first));
    return Array.from(
      { length: partitions },
      (_, index) => Array.from({ length: replicationFactor }, (_, nth) => ids[(from + index + nth) % ids.length]!),
    );
  }

  /** Lets everybody know at once how things stand: what is done by hand is there when it has been done. */
  tellNow(): void {
    // Who is dead, missed or not, has left its disk to its next life.
    for (const life of this.#lives.values()) if (this.#bus.isThere(life)) life.see(this.picture);
  }

  #made(assignment: readonly (readonly number[])[], first: number): PartitionState[] {
    return assignment.map((replicas, nth): PartitionState => {
      const isr = replicas.filter((replica) => this.#nodes.get(replica)?.alive);
      return {
        ...{ index: first + nth, replicas, isr, leader: isr[0] ?? -1 },
        ...{ leaderEpoch: 0, version: 0, uncleanElections: 0 },
      };
    });
  }

  /** The next leader: one in sync, or any that lives where that is allowed, or nobody (`PartitionLeaderElectionAlgorithms`). */
  #elected({ configs }: TopicState, partition: PartitionState): PartitionState {
    const alive = partition.replicas.filter((id) => this.#nodes.get(id)?.alive);
    const clean = alive.find((id) => partition.isr.includes(id));
    if (clean !== undefined) return led(partition, clean);
    const mayBeUnclean = configs.get("unclean.leader.election.enable") ?? `${this.#uncleanElections}`;
    if (alive.length === 0 || mayBeUnclean !== "true") return partition.leader < 0 ? partition : led(partition, -1);
    const isr = [alive[0]!];
    return { ...led(partition, alive[0]!), isr, uncleanElections: partition.uncleanElections + 1 };
  }

  #changeAll(id: number, change: (topic: TopicState, partition: PartitionState) => PartitionState): void {
    for (const topic of [...this.#topics.values()]) {
      this.#change(topic, (partition) => partition.replicas.includes(id) ? change(topic, partition) : partition);
    }
  }

  #change(topic: TopicState, change: (partition: PartitionState) => PartitionState): void {
    const partitions = topic.partitions.map(change);
    if (partitions.every((partition, i) => partition === topic.partitions[i])) return;
    this.#topics.set(topic.name, { ...topic, partitions });
  }

  /** Something has changed. Who has not heard of the last change yet hears of both at once. */
  #tell(): void {
    this.#picture = undefined;
    for (const life of [...this.#lives.values()]) {
      if (this.#telling.has(life)) continue;
      this.#telling.add(life);
      this.#bus.post(CONTROLLER, life, "picture", () => {
        this.#telling.delete(life);
        life.see(this.picture);
      });
    }
  }
}

function changed(partition: PartitionState, change: Partial<PartitionState>): PartitionState {
  return { ...partition, ...change, version: partition.version + 1 };
}

function led(partition: PartitionState, leader: number): PartitionState {
  return changed(partition, { leader, leaderEpoch: partition.leaderEpoch + 1 });
}

/** A random id in groups of 8-4-4-4-12 digits. */
function uuid(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Kafka writes a cluster's id in base64 for addresses, 22 digits. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let bit = 0; bit < bytes.length * 8; bit += 6) {
    const two = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += DIGITS[(two >> (10 - (bit & 7))) & 63];
  }
  return text;
}
