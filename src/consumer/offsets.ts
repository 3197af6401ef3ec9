/** Asks leaders where logs begin, end, or pass a time. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { listOffsets } from "../protocol/list_offsets.ts";
import type { Response } from "../wire/schema.ts";

/** What to ask for: the first offset that is still there, the one that the next message gets, or the first at or after a time. */
export type OffsetQuery = "earliest" | "latest" | Date;

/** An offset, or what to ask for. */
export type Place = number | OffsetQuery;

/** ListOffsets' own names for the two ends. */
const LATEST = -1;
const EARLIEST = -2;
/** Before this version brokers know times only of whole segments (KIP-79). */
const BY_MESSAGE = 1;

/** What stands for no offset. */
const NONE = -1;

type TopicAnswer = Response<typeof listOffsets>["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

/** What somebody wants to know, and takes piece by piece. */
export interface OffsetSearch {
  readonly topic: string;
  readonly query: OffsetQuery;
  /** The partitions that are still asked about; asked anew before each try. */
  readonly wanted: () => readonly number[];
  /** Takes one partition's offset. Where no message is as late as the time, it is the end of the log. */
  readonly found: (partition: number, offset: number) => void;
  /** Takes one partition's failure that does not heal, and the search goes on for the others; without it the search fails. */
  readonly failed?: (partition: number, error: KafkaError) => void;
}

/** The offsets of partitions, by partition; see {@linkcode findOffsets}. */
export async function offsetsOf(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  query: OffsetQuery,
  signal: AbortSignal,
): Promise<Map<number, number>> {
  const offsets = new Map<number, number>();
  await findOffsets(cluster, {
    topic,
    query,
    wanted: () => partitions.filter((partition) => !offsets.has(partition)),
    found: (partition, offset) => offsets.set(partition, offset),
  }, signal);
  return new Map(partitions.map((partition) => [partition, offsets.get(partition)!]));
}

/**
 * Asks the leaders, and tries again until nothing is wanted any more or the signal aborts. `UNSUPPORTED_FEATURE` for a time
 * before Kafka 0.10.1.
 */
export async function findOffsets(cluster: Cluster, search: OffsetSearch, signal: AbortSignal): Promise<void> {
  const { topic, query } = search;
  const beyond = new Set<number>();
  const wanted = () => search.wanted().filter((partition) => !beyond.has(partition));
  await cluster.retrying(async () => {
    let last: KafkaError | undefined;
    const asks = [...byLeader(cluster, topic, wanted())].map(async ([leader, group]) => {
      for (const [partition, offset] of await askLeader(cluster, search, leader, group, signal)) {
        if (offset instanceof KafkaError) last = healing(search, partition, offset) ?? last;
        else if (query instanceof Date && offset < 0) beyond.add(partition);
        else search.found(partition, offset);
      }
    });
    // All answers are awaited before one failure is told: what was found is not asked for again.
    for (const end of await Promise.allSettled(asks)) if (end.status === "rejected") throw end.reason;
    const [left] = wanted();
    if (left !== undefined) throw last ?? unasked(cluster, topic, left);
  }, signal);
  if (beyond.size === 0) return;
  const ends = () => search.wanted().filter((partition) => beyond.has(partition));
  await findOffsets(cluster, { ...search, query: "latest", wanted: ends }, signal);
}

/** Gives a partition's failure back if it heals; else it is told, or thrown where nobody wants to be told. */
function healing({ failed }: OffsetSearch, partition: number, error: KafkaError): KafkaError | undefined {
  if (error.retriable) return error;
  if (!failed) throw error;
  failed(partition, error);
  return undefined;
}

function unasked(cluster: Cluster, topic: string, partition: number): KafkaError {
  const reason = cluster.partition(topic, partition)
    ? errorNumbers.NOT_LEADER_OR_FOLLOWER
    : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
  return KafkaError.ofBroker(reason, "", { topic, partition });
}

/** Partitions by their leaders, without those that have none. */
function byLeader(cluster: Cluster, topic: string, partitions: readonly number[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const partition of partitions) {
    const leader = cluster.partition(topic, partition)?.leader ?? -1;
    if (leader < 0) continue;
    const group = groups.get(leader);
    if (group) group.push(partition);
    else groups.set(leader, [partition]);
  }
  return groups;
}

/** What one leader says of each partition: an offset, or what went wrong. What goes wrong with all of it and heals is thrown. */
async function askLeader(
  cluster: Cluster,
  { topic, query, failed }: OffsetSearch,
  leader: number,
  partitions: readonly number[],
  signal: AbortSignal,
): Promise<Map<number, number | KafkaError>> {
  const timestamp = query instanceof Date ? query.getTime() : query === "latest" ? LATEST : EARLIEST;
  const body = (version: number) => {
    if (timestamp >= 0 && version < BY_MESSAGE) {
      throw new KafkaError("UNSUPPORTED_FEATURE", "Offsets by time need Kafka 0.10.1 or later", { topic });
    }
    return {
      replicaId: -1,
      topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
    };
  };
  const found = new Map<number, number | KafkaError>();
  let topics: readonly TopicAnswer[];
  try {
    ({ topics } = await cluster.request({ broker: leader }, listOffsets, body, { signal }));
  } catch (error) {
    if (!failed || signal.aborted || !(error instanceof KafkaError) || error.retriable) throw error;
    for (const partition of partitions) found.set(partition, error.within({ topic, partition }));
    return found;
  }
  for (const answer of topics.find(({ name }) => name === topic)?.partitions ?? []) {
    const { partitionIndex: partition } = answer;
    if (partitions.includes(partition)) found.set(partition, offsetOf(answer, topic, query));
  }
  return found;
}

/** A time that no message is as late as has the offset -1; a log's end has one in any case. */
function offsetOf(answer: PartitionAnswer, topic: string, query: OffsetQuery): number | KafkaError {
  const { partitionIndex: partition, errorCode, oldStyleOffsets } = answer;
  if (errorCode !== 0) return KafkaError.ofBroker(errorCode, "", { topic, partition });
  const offset = oldStyleOffsets.length > 0 ? oldStyleOffsets[0]! : answer.offset;
  if (offset === NONE) {
    return query instanceof Date
      ? NONE
      : KafkaError.ofBroker(errorNumbers.OFFSET_NOT_AVAILABLE, "", { topic, partition });
  }
  if (offset >= 0 && offset <= Number.MAX_SAFE_INTEGER) return offset;
  return new KafkaError("PROTOCOL_ERROR", `the leader of ${topic}/${partition} says that ${offset} is an offset`, {
    topic,
    partition,
  });
}
