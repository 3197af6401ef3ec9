/** What the embedded cluster knows of itself: its brokers, its topics, and who leads what. */

import type { World } from "../base/world.ts";
import { errorNumbers } from "../base/error_codes.ts";
import { Log } from "./log.ts";
import { coordinatorOf, GroupOffsets } from "./group_offsets.ts";
import { ProducerIdBlocks } from "./producer_ids.ts";
import { oldestOf, type Release, releaseOf } from "./releases.ts";

/** One broker, as clients see it. */
export interface Node {
  /** Its id. */
  readonly id: number;
  /** Where clients find it. */
  readonly host: string;
  /** Where clients find it. */
  readonly port: number;
  /** Whether it runs. */
  readonly alive: boolean;
  /** Which release it is, or was when it ran. */
  readonly release: string;
}

/** One partition. */
export interface Partition {
  /** Its number in the topic. */
  readonly index: number;
  /** Which brokers have it, the preferred leader first. */
  readonly replicas: readonly number[];
  /** Which of them are in sync. */
  isr: readonly number[];
  /** Who leads it; -1 if nobody can. */
  leader: number;
  /** How many leaders it has had before. */
  leaderEpoch: number;
  /** What is in it. */
  readonly log: Log;
}

/** One topic. */
export interface Topic {
  /** Its name. */
  readonly name: string;
  /** Its id: another one if it is deleted and made again (KIP-516). */
  readonly id: string;
  /** Its partitions, by number. */
  readonly partitions: readonly Partition[];
  /** What was set for it at its making. */
  readonly configs: ReadonlyMap<string, string | null>;
}

/** The topic id that means none. */
export const NO_ID = "00000000-0000-0000-0000-000000000000";

/**
 * The cluster's state, and the rules by which it changes. It is ideal: one state for all brokers, so no broker ever has an old
 * picture, and a leader is replaced the moment it is gone.
 */
export class Controller {
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
  readonly #world: World;
  readonly #nodes = new Map<number, Node>();
  readonly #topics = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  readonly #listeners = new Map<number, (from: number | undefined) => void>();
  #controllerId = -1;
  #topicsMade = 0;

  /** An empty cluster; ids are drawn from the world. */
  constructor(world: World, release: Release) {
    this.#world = world;
    this.release = this.floor = release;
    this.clusterId = base64(world.entropy(16));
  }

  /** The brokers, by id. */
  get nodes(): ReadonlyMap<number, Node> {
    return this.#nodes;
  }

  /** The topics, by name, in the order in which they were made. */
  get topics(): ReadonlyMap<string, Topic> {
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
  topicById(id: string): Topic | undefined {
    return this.#byId.get(id);
  }

  /** Which broker keeps a group's offsets; undefined if none runs. */
  coordinatorOf(group: string): number | undefined {
    return coordinatorOf(group, this.#nodes.values());
  }

  /** The ids of the brokers that run. */
  aliveIds(): number[] {
    return [...this.#nodes.values()].filter((node) => node.alive).map((node) => node.id);
  }

  /** Tells `listener` of what a waiting request may want to know: the broker that did it, or undefined for the cluster. */
  listen(id: number, listener: (from: number | undefined) => void): void {
    this.#listeners.set(id, listener);
  }

  /** Wakes who waits on those brokers (all if not said). */
  announce(from: number | undefined, to: Iterable<number> = this.#listeners.keys()): void {
    for (const id of to) this.#listeners.get(id)?.(from);
  }

  /** A broker has come up, for the first time or again. */
  brokerUp(id: number, host: string, port: number, release: string = this.release.name): void {
    this.#nodes.set(id, { id, host, port, alive: true, release });
    this.floor = oldestOf([...this.#nodes.values()].map((node) => releaseOf(node.release)));
    if (this.#controllerId < 0) this.#controllerId = id;
    for (const partition of this.#partitionsOf(id)) {
      if (partition.leader < 0 && partition.isr.includes(id)) this.#lead(partition, id);
      if (partition.leader < 0) continue;
      partition.isr = partition.replicas.filter((replica) => this.#nodes.get(replica)?.alive);
    }
    this.announce(undefined);
  }

  /** A broker is gone: its partitions go to the next replica in sync, or wait for it if it was the last. */
  brokerDown(id: number): void {
    const node = this.#nodes.get(id);
    if (!node?.alive) return;
    this.#nodes.set(id, { ...node, alive: false });
    if (this.#controllerId === id) this.#controllerId = this.aliveIds()[0] ?? -1;
    for (const partition of this.#partitionsOf(id)) {
      if (partition.isr.length > 1) partition.isr = partition.isr.filter((replica) => replica !== id);
      if (partition.leader !== id) continue;
      this.#lead(partition, partition.isr.find((replica) => this.#nodes.get(replica)?.alive) ?? -1);
    }
    this.announce(undefined);
  }

  /** Makes a topic. Who asks has checked that it may be. */
  createTopic(
    name: string,
    assignment: readonly (readonly number[])[],
    configs: ReadonlyMap<string, string | null>,
  ): Topic {
    this.#topicsMade++;
    const partitions = assignment.map((replicas, index) => this.#newPartition(replicas, index));
    const topic = { name, id: this.newId(), partitions, configs };
    this.#topics.set(name, topic);
    this.#byId.set(topic.id, topic);
    return topic;
  }

  /** Adds partitions to a topic, behind those that it has. */
  addPartitions(topic: Topic, assignment: readonly (readonly number[])[]): void {
    const have = topic.partitions.length;
    const more = assignment.map((replicas, index) => this.#newPartition(replicas, have + index));
    const grown = { ...topic, partitions: [...topic.partitions, ...more] };
    this.#topics.set(topic.name, grown);
    this.#byId.set(topic.id, grown);
    this.announce(undefined);
  }

  /** An id that no topic has. */
  newId(): string {
    return uuid(this.#world.entropy(16));
  }

  /** Deletes a topic and all that is in it. */
  deleteTopic(topic: Topic): void {
    this.#topics.delete(topic.name);
    this.#byId.delete(topic.id);
    this.offsets.deleteTopic(topic.name);
    this.announce(undefined);
  }

  /** Hands a partition to another of its replicas. */
  moveLeader(partition: Partition, id: number): void {
    if (partition.leader === id) return;
    this.#lead(partition, id);
    this.announce(undefined);
  }

  /** Which brokers get each partition: in turn, and each topic begins with the next broker. */
  spread(partitions: number, replicationFactor: number): number[][] {
    const ids = this.aliveIds();
    return Array.from(
      { length: partitions },
      (_, index) =>
        Array.from({ length: replicationFactor }, (_, nth) => ids[(this.#topicsMade + index + nth) % ids.length]!),
    );
  }

  /**
   * The partition, if that broker may be asked for it; else the error (`ReplicaManager.getPartitionOrError`,
   * `Partition.localLogWithEpochOrThrow`). `epoch` is what the client believes, -1 if it does not say (KIP-320).
   */
  locate(topic: Topic | undefined, index: number, broker: number, epoch = -1, follower = false): Partition | number {
    const partition = topic?.partitions[index];
    if (!partition) return errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
    if (!partition.replicas.includes(broker)) return errorNumbers.NOT_LEADER_OR_FOLLOWER;
    if (epoch >= 0 && epoch < partition.leaderEpoch) return errorNumbers.FENCED_LEADER_EPOCH;
    if (epoch > partition.leaderEpoch) return errorNumbers.UNKNOWN_LEADER_EPOCH;
    if (partition.leader !== broker && !follower) return errorNumbers.NOT_LEADER_OR_FOLLOWER;
    return partition;
  }

  /** Where those brokers are, each once; for hints at a new leader (KIP-951). */
  endpoints(ids: Iterable<number>): { nodeId: number; host: string; port: number }[] {
    return [...new Set(ids)].flatMap((nodeId) => {
      const node = this.#nodes.get(nodeId);
      return node ? [{ nodeId, host: node.host, port: node.port }] : [];
    });
  }

  #newPartition(replicas: readonly number[], index: number): Partition {
    const isr = replicas.filter((replica) => this.#nodes.get(replica)?.alive);
    return { index, replicas, isr, leader: isr[0] ?? -1, leaderEpoch: 0, log: new Log() };
  }

  #lead(partition: Partition, id: number): void {
    partition.leader = id;
    partition.leaderEpoch++;
  }

  *#partitionsOf(id: number): Generator<Partition> {
    for (const topic of this.#topics.values()) {
      for (const partition of topic.partitions) if (partition.replicas.includes(id)) yield partition;
    }
  }
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
