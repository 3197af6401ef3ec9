/** What is known of the cluster, as one value that never changes, and how an answer of a broker makes the next one. */

import { errorNumbers } from "../base/error_codes.ts";
import type { Response } from "../wire/schema.ts";
import type { metadata } from "../protocol/metadata.ts";

/** A broker, as the cluster's metadata names it. */
export interface BrokerInfo {
  /** Its id: the only thing that tells brokers apart. */
  readonly id: number;
  /** The name or address it wants to be reached at. */
  readonly host: string;
  /** The port it wants to be reached at. */
  readonly port: number;
  /** Where it stands, if it says so. */
  readonly rack: string | null;
}

/** A partition of a topic. */
export interface PartitionInfo {
  /** Its number. */
  readonly partition: number;
  /** The id of the broker that leads it; -1 while none does. */
  readonly leader: number;
  /** How often the leader has changed; -1 where brokers do not say so reliably (before Metadata v9, KAFKA-9212). */
  readonly leaderEpoch: number;
  /** The ids of the brokers that hold it. */
  readonly replicas: readonly number[];
  /** Those of them that are in sync with the leader. */
  readonly inSyncReplicas: readonly number[];
  /** Those of them that are away; empty where brokers do not tell (before Metadata v5). */
  readonly offlineReplicas: readonly number[];
}

/** A topic, as the cluster's metadata describes it. */
export interface TopicInfo {
  /** Its name. */
  readonly name: string;
  /** Its id, which a topic of the same name made later does not share; undefined before Kafka 2.8. */
  readonly id: string | undefined;
  /** Whether it is one of Kafka's own. */
  readonly internal: boolean;
  /** Its partitions, by their numbers from 0: none is left out, one that a broker did not tell of has no leader. */
  readonly partitions: readonly PartitionInfo[];
}

/** The cluster at one moment. */
export interface Snapshot {
  /** The cluster's id; null before Kafka 0.10.1. */
  readonly clusterId: string | null;
  /** The id of the broker that is the controller, or speaks for it; -1 where unknown (always before 0.10). */
  readonly controllerId: number;
  /** The brokers that are alive, by id. */
  readonly brokers: ReadonlyMap<number, BrokerInfo>;
  /** The topics that were asked about, by name. */
  readonly topics: ReadonlyMap<string, TopicInfo>;
  /** What a broker said of topics it could not describe, by name: Kafka's error numbers. */
  readonly errors: ReadonlyMap<string, number>;
  /**
   * Topics in use that are still known here, but that the last answer about them did not know, and since when, on the world's clock:
   * a broker that has just been started knows of none (seen up to 2.x), and a topic that has been deleted looks the same.
   */
  readonly missing: ReadonlyMap<string, number>;
}

/** Who is in use, and what time it is: see {@linkcode learned}. */
export interface Grace {
  readonly now: number;
  readonly isInUse: (topic: string) => boolean;
}

/** How long a topic in use may be missing before it is believed to be gone. */
export const MISSING_MS = 15_000;

/** Nothing is known yet. */
export const nothingKnown: Snapshot = {
  clusterId: null,
  controllerId: -1,
  brokers: new Map(),
  topics: new Map(),
  errors: new Map(),
  missing: new Map(),
};

type MetadataAnswer = Response<typeof metadata>;
type TopicAnswer = MetadataAnswer["topics"][number];

/** The id that stands for none. */
export const noTopicId = "00000000-0000-0000-0000-000000000000";
/** From here on leader epochs can be relied on (KAFKA-9212). */
const EPOCHS_RELIABLE = 9;
/** A broker that has not heard of all partitions yet leaves gaps; an answer with more of them is not believed. */
const GAPS_MAX = 1000;
const PORT_MAX = 65_535;

/**
 * The next snapshot. `asked` names the topics that the answer is about, and what it says of others is passed over; null: all there
 * are, and those not in it are gone.
 * A topic that could not be described this time keeps what was known, unless the broker says that there is none; then too, for
 * `MISSING_MS`, while it is in use. A partition whose leader epoch is older than the known one keeps the known one (Java's
 * `Metadata.updateLatestMetadata`).
 */
export function learned(
  known: Snapshot,
  answer: MetadataAnswer,
  version: number,
  asked: readonly string[] | null,
  grace?: Grace,
): Snapshot {
  const topics = new Map(asked === null ? [] : known.topics);
  const errors = new Map(asked === null ? [] : known.errors);
  const missing = new Map(asked === null ? [] : known.missing);
  const lose = (name: string) => {
    const before = known.topics.get(name);
    const since = known.missing.get(name) ?? grace?.now ?? 0;
    if (before && grace?.isInUse(name) && grace.now - since < MISSING_MS) {
      topics.set(name, before);
      missing.set(name, since);
      return;
    }
    topics.delete(name);
    missing.delete(name);
    errors.set(name, errorNumbers.UNKNOWN_TOPIC_OR_PARTITION);
  };
  const wanted = asked && new Set(asked);
  const told = new Set<string>();
  for (const topic of answer.topics) {
    const { name } = topic;
    if (name === null || (wanted && !wanted.has(name))) continue;
    told.add(name);
    const before = known.topics.get(name);
    const described = topicOf(name, topic, before, version);
    // A topic has partitions from its first moment on: a broker that names none has not heard of them yet.
    const isEmpty = described.partitions.length === 0;
    const errorCode = topic.errorCode === 0 && isEmpty ? errorNumbers.LEADER_NOT_AVAILABLE : topic.errorCode;
    errors.delete(name);
    if (errorCode === errorNumbers.UNKNOWN_TOPIC_OR_PARTITION) {
      lose(name);
      continue;
    }
    missing.delete(name);
    if (errorCode !== 0) errors.set(name, errorCode);
    if (!isEmpty) topics.set(name, described);
    else if (before) topics.set(name, before);
  }
  const expected = asked ?? [...known.topics.keys()].filter((name) => grace?.isInUse(name));
  for (const name of expected) if (!told.has(name)) lose(name);
  return {
    clusterId: answer.clusterId ?? known.clusterId,
    controllerId: answer.controllerId ?? -1,
    brokers: brokersOf(answer),
    topics,
    errors,
    missing,
  };
}

/** The next snapshot after a broker has named a partition's leader; the same one if that is no news, or the leader is not known. */
export function moved(
  known: Snapshot,
  topic: string,
  partition: number,
  leader: number,
  leaderEpoch: number,
): Snapshot {
  const info = known.topics.get(topic);
  const before = info?.partitions[partition];
  if (!info || !before || !known.brokers.has(leader) || leaderEpoch <= before.leaderEpoch) return known;
  const partitions = [...info.partitions];
  partitions[partition] = { ...before, leader, leaderEpoch };
  return { ...known, topics: new Map(known.topics).set(topic, { ...info, partitions }) };
}

function brokersOf(answer: MetadataAnswer): Map<number, BrokerInfo> {
  const brokers = new Map<number, BrokerInfo>();
  for (const { nodeId, host, port, rack } of answer.brokers) {
    // Nobody can be there: then it is not known where the broker is, and its partitions wait until somebody knows.
    if (host === "" || port < 1 || port > PORT_MAX) continue;
    brokers.set(nodeId, { id: nodeId, host, port, rack: rack ?? null });
  }
  return brokers;
}

function topicOf(name: string, answer: TopicAnswer, before: TopicInfo | undefined, version: number): TopicInfo {
  const id = answer.topicId === noTopicId ? undefined : answer.topicId;
  const sameTopic = before !== undefined && (before.id === undefined || id === undefined || before.id === id);
  const old = sameTopic ? before.partitions : [];
  const found = new Map<number, PartitionInfo>();
  const end = answer.partitions.length + GAPS_MAX;
  // A topic that is surely the same one never loses partitions: a broker that names fewer lags behind.
  let count = id !== undefined && id === before?.id ? old.length : 0;
  for (const partition of answer.partitions) {
    const { partitionIndex: number } = partition;
    if (number < 0 || number >= end) continue;
    const info = partitionOf(partition, version);
    const known = old[number];
    found.set(number, known && info.leaderEpoch !== -1 && info.leaderEpoch < known.leaderEpoch ? known : info);
    count = Math.max(count, number + 1);
  }
  const partitions: PartitionInfo[] = [];
  for (let i = 0; i < count; i++) partitions.push(found.get(i) ?? old[i] ?? leaderless(i));
  return { name, id, internal: answer.isInternal, partitions };
}

function partitionOf(answer: TopicAnswer["partitions"][number], version: number): PartitionInfo {
  return {
    partition: answer.partitionIndex,
    leader: answer.leaderId,
    leaderEpoch: version >= EPOCHS_RELIABLE ? answer.leaderEpoch : -1,
    replicas: answer.replicaNodes,
    inSyncReplicas: answer.isrNodes,
    offlineReplicas: answer.offlineReplicas,
  };
}

function leaderless(partition: number): PartitionInfo {
  return { partition, leader: -1, leaderEpoch: -1, replicas: [], inSyncReplicas: [], offlineReplicas: [] };
}
