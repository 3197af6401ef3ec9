/**
 * Metadata, answered as brokers do.
 *
 * - All topics: an empty list in version 0, null from version 1 on, where an empty list means none.
 * - Topics are never made by asking: as with `auto.create.topics.enable=false`, an unknown one has error 3, whatever the request
 *   allows; an impossible name has error 17, or 3 too before 2.4.
 * - By id from version 12 on; an unknown id has error 100, and ids in versions 10 and 11, which have the field but no code for it
 *   on the broker, have INVALID_REQUEST.
 * - A partition without a leader has error 5. In version 0 replicas that are down are left out, and the partition has error 9.
 * - 0.8.2 lists no broker until the first topic exists (seen on 0.8.2.2).
 * - On KRaft releases any living broker may be named as controller, since each passes on what only the controller may do; here it
 *   is always the one.
 * - Each broker tells what it knows, which may be out of date.
 */

import { metadata } from "../../protocol/metadata.ts";
import type { ResponseIn } from "../../wire/schema.ts";
import { type Call, type Handler, handler, type Host } from "../call.ts";
import { NO_ID, type PartitionState, type Picture, type TopicState } from "../picture.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import { topicNameFault } from "../topic_names.ts";

type TopicAnswer = ResponseIn<typeof metadata>["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];
type TopicQuestion = { readonly name: string | null; readonly topicId: string };

/** Answers Metadata. */
export const metadataHandler: Handler = handler(metadata, answer);

function answer({ host, version, body }: Call<typeof metadata>): ResponseIn<typeof metadata> {
  const { controller } = host;
  const { topics } = body;
  const isAll = topics === null || (version === 0 && topics.length === 0);
  const { picture } = host.replicas;
  const nodes = host.release.startsBlind && !controller.hasHadTopics ? [] : picture.nodes.values();
  return {
    brokers: [...nodes].filter((node) => node.alive).map(({ id, host, port }) => ({ nodeId: id, host, port })),
    clusterId: controller.clusterId,
    controllerId: picture.controllerId,
    topics: isAll
      ? [...picture.topics.values()].map((topic) => found(topic, host, version))
      : topics.filter(isFirst).map((topic) => one(topic, host, version)),
  };
}

/** Who asks twice is told once. */
function isFirst({ name, topicId }: TopicQuestion, nth: number, all: readonly TopicQuestion[]): boolean {
  return all.findIndex((other) => other.name === name && other.topicId === topicId) === nth;
}

function one({ name, topicId }: TopicQuestion, host: Host, version: number): TopicAnswer {
  const { picture } = host.replicas;
  const isById = topicId !== NO_ID;
  if (version < 12 && (isById || name === null)) return failed(errorNumbers.INVALID_REQUEST, name ?? "", topicId);
  if (!isById && name === null) return failed(errorNumbers.UNKNOWN_SERVER_ERROR, "", topicId);
  const topic = isById ? picture.byId.get(topicId) : picture.topics.get(name ?? "");
  if (topic) return found(topic, host, version);
  if (isById) return failed(errorNumbers.UNKNOWN_TOPIC_ID, null, topicId);
  const errorCode = host.release.checksNames && topicNameFault(name ?? "")
    ? errorNumbers.INVALID_TOPIC_EXCEPTION
    : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
  return failed(errorCode, name, topicId);
}

function failed(errorCode: number, name: string | null, topicId: string): TopicAnswer {
  return { errorCode, name, topicId, partitions: [] };
}

function found(topic: TopicState, host: Host, version: number): TopicAnswer {
  const { name, id, partitions } = topic;
  return {
    errorCode: errorNumbers.NONE,
    name,
    topicId: id,
    isInternal: name === "__consumer_offsets" || name === "__transaction_state",
    partitions: partitions.map((partition) => partitionOf(partition, host.replicas.picture, version)),
  };
}

function partitionOf(partition: PartitionState, { nodes }: Picture, version: number): PartitionAnswer {
  const { index, leader, leaderEpoch, replicas, isr } = partition;
  const isAlive = (id: number) => nodes.get(id)?.alive === true;
  const alive = replicas.filter(isAlive);
  const isShort = version === 0 && alive.length < replicas.length;
  return {
    errorCode: leader < 0
      ? errorNumbers.LEADER_NOT_AVAILABLE
      : isShort
      ? errorNumbers.REPLICA_NOT_AVAILABLE
      : errorNumbers.NONE,
    partitionIndex: index,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: version === 0 ? alive : replicas,
    isrNodes: version === 0 ? isr.filter(isAlive) : isr,
    offlineReplicas: replicas.filter((id) => !isAlive(id)),
  };
}
