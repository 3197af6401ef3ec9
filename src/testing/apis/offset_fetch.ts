/**
 * OffsetFetch, answered as coordinators do.
 *
 * - Version 0 goes to any broker and knows what version 0 of OffsetCommit has stored, as in ZooKeeper; what is not there has error 3.
 *   Releases without ZooKeeper refuse it with UNSUPPORTED_VERSION (35); 4.x does not know the version.
 * - Later ones only the group's coordinator answers; others have NOT_COORDINATOR, on each partition up to version 1, as a whole since.
 * - Nothing committed is offset -1 with an empty text and no error, for partitions that do not exist too; a topic id that does not
 *   exist has error 100 (version 10). Null asks for all topics that the group has committed (version 2).
 * - From version 8 on several groups are asked about (KIP-699). There are no transactions, so nothing is ever unstable.
 */

import { offsetFetch } from "../../protocol/offset_fetch.ts";
import type { ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { NO_ID } from "../picture.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import type { TopicOffsets } from "../group_offsets.ts";

type GroupAnswer = NonNullable<ResponseIn<typeof offsetFetch>["groups"]>[number];
type TopicAnswer = GroupAnswer["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

/** A topic that is asked about, by its name or its id. */
interface Wanted {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

/** Answers OffsetFetch. */
export const offsetFetchHandler: Handler = handler(offsetFetch, answer);

function answer({ host, version, body }: Call<typeof offsetFetch>): Answer<typeof offsetFetch> {
  if (version >= 8) {
    return {
      groups: body.groups.map(({ groupId, topics }) => ofGroup(host, version, groupId, topics)),
    };
  }
  const wanted = body.topics?.map((topic) => ({ ...topic, topicId: NO_ID })) ?? null;
  const { topics, errorCode } = ofGroup(host, version, body.groupId, wanted);
  const named = topics.map(({ name = "", partitions }) => ({ name, partitions }));
  if (version >= 2) return { topics: named, errorCode };
  return { topics: errorCode === errorNumbers.NONE ? named : refused(wanted ?? [], errorCode) };
}

/** Each partition with the error that the whole has. */
function refused(wanted: readonly Wanted[], errorCode: number) {
  return wanted.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => ({ ...nothing(partition), errorCode })),
  }));
}

function ofGroup(host: Host, version: number, groupId: string, wanted: readonly Wanted[] | null): GroupAnswer {
  const { controller } = host;
  if (version === 0 && host.release.raft) {
    return { groupId, topics: [], errorCode: errorNumbers.UNSUPPORTED_VERSION };
  }
  if (version > 0 && controller.coordinatorOf(groupId) !== host.id) {
    return { groupId, topics: [], errorCode: errorNumbers.NOT_COORDINATOR };
  }
  const offsets = (version === 0 ? controller.zookeeperOffsets : controller.offsets).of(groupId);
  const asked = wanted ?? [...offsets].map(([name, partitions]): Wanted => {
    return { name, topicId: controller.topics.get(name)?.id ?? NO_ID, partitionIndexes: [...partitions.keys()] };
  });
  return {
    groupId,
    topics: asked.map((topic) => ofTopic(host, version, offsets, topic)),
    errorCode: errorNumbers.NONE,
  };
}

function ofTopic(host: Host, version: number, offsets: TopicOffsets, wanted: Wanted): TopicAnswer {
  const topic = version >= 10 ? host.controller.topicById(wanted.topicId) : undefined;
  const isUnknown = version >= 10 && !topic;
  const { partitions: known } = host.replicas.picture.topics.get(wanted.name) ?? { partitions: [] };
  const isStrict = host.release.commitsUnchecked;
  const committed = offsets.get(topic?.name ?? wanted.name);
  const none = isUnknown
    ? errorNumbers.UNKNOWN_TOPIC_ID
    : version === 0
    ? errorNumbers.UNKNOWN_TOPIC_OR_PARTITION
    : errorNumbers.NONE;
  const partitions = wanted.partitionIndexes.map((partitionIndex): PartitionAnswer => {
    if (isStrict && (version > 0 ? !known[partitionIndex] : known.length === 0)) {
      return { ...nothing(partitionIndex), errorCode: errorNumbers.UNKNOWN_TOPIC_OR_PARTITION };
    }
    const found = isUnknown ? undefined : committed?.get(partitionIndex);
    if (!found) return { ...nothing(partitionIndex), errorCode: none };
    const { offset, leaderEpoch, metadata } = found;
    return {
      partitionIndex,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      metadata,
      errorCode: errorNumbers.NONE,
    };
  });
  return { name: wanted.name, topicId: wanted.topicId, partitions };
}

function nothing(partitionIndex: number): PartitionAnswer {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: "", errorCode: errorNumbers.NONE };
}
