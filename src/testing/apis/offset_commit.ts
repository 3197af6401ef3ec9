/**
 * OffsetCommit, answered as coordinators do.
 *
 * - Version 0 goes to any broker and is kept apart, as in ZooKeeper. Releases without ZooKeeper refuse it, partition by partition, with
 *   UNSUPPORTED_VERSION (35), as those of 3.x do; 4.x does not know the version.
 * - Later ones only the group's coordinator takes; others have NOT_COORDINATOR.
 * - Nobody is a member of a group here: a generation from 0 on has ILLEGAL_GENERATION where nobody has committed for the group yet (since
 *   4.0, from version 9 on, GROUP_ID_NOT_FOUND), else UNKNOWN_MEMBER_ID. Without one a member's id does not matter. 0.8 checks neither, nor whether there is such a partition; for version 0 there has to be the topic.
 * - A partition that does not exist has error 3, or 100 from version 10 on, which names topics by id; a text of more than 4096 bytes
 *   OFFSET_METADATA_TOO_LARGE. The others of the request are stored all the same.
 * - Nothing is forgotten after a while, so timestamps and retention times do not matter.
 */

import { offsetCommit } from "../../protocol/offset_commit.ts";
import type { RequestOut, ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler } from "../call.ts";
import type { TopicState } from "../picture.ts";
import { errorNumbers } from "../../base/error_codes.ts";

type PartitionPart = RequestOut<typeof offsetCommit>["topics"][number]["partitions"][number];
type TopicAnswer = ResponseIn<typeof offsetCommit>["topics"][number];

/** The longest text beside an offset (`offset.metadata.max.bytes`). */
const METADATA_BYTES_MAX = 4096;

/** Answers OffsetCommit. */
export const offsetCommitHandler: Handler = handler(offsetCommit, answer);

function answer(call: Call<typeof offsetCommit>): Answer<typeof offsetCommit> {
  const { host, version, body } = call;
  const { controller } = host;
  const refused = refusal(call);
  const isUnchecked = host.release.commitsUnchecked;
  // 0.8 refuses a text that is too long, and keeps it all the same, if there is anything else in the request that it takes.
  const parts = body.topics.flatMap(({ partitions }) => partitions);
  const isSloppy = isUnchecked && version > 0 && parts.some((part) => sizeFault(part) === errorNumbers.NONE);
  const store = version === 0 ? controller.zookeeperOffsets : controller.offsets;
  const topics = body.topics.map(({ name, topicId, partitions }): TopicAnswer => {
    const topic = version >= 10 ? controller.topicById(topicId) : controller.topics.get(name);
    const unknown = version >= 10 ? errorNumbers.UNKNOWN_TOPIC_ID : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
    return {
      name,
      topicId,
      partitions: partitions.map((part) => {
        if (version > 0 && !refused && topic?.partitions[part.partitionIndex]) controller.offsets.begin(body.groupId);
        const errorCode = isUnchecked && (version > 0 || topic)
          ? sizeFault(part)
          : placeFault(topic, part, unknown) || refused || sizeFault(part);
        if (errorCode === errorNumbers.NONE || (isSloppy && errorCode === errorNumbers.OFFSET_METADATA_TOO_LARGE)) {
          const { committedOffset: offset, committedLeaderEpoch: leaderEpoch, committedMetadata } = part;
          const committed = {
            offset,
            leaderEpoch,
            metadata: metadataOf(committedMetadata, version, isUnchecked),
          };
          store.set(body.groupId, topic?.name ?? name, part.partitionIndex, committed);
        }
        return { partitionIndex: part.partitionIndex, errorCode };
      }),
    };
  });
  return { topics };
}

/** ZooKeeper keeps no text; and only 0.8 tells none from an empty one. */
function metadataOf(metadata: string | null, version: number, isUnchecked: boolean): string | null {
  return version === 0 ? "" : isUnchecked ? metadata : metadata ?? "";
}

/** What keeps all of the request from being stored; 0 if nothing does. */
function refusal({ host, version, body }: Call<typeof offsetCommit>): number {
  const { controller } = host;
  if (version === 0) return host.release.raft ? errorNumbers.UNSUPPORTED_VERSION : errorNumbers.NONE;
  if (controller.coordinatorOf(body.groupId) !== host.id) return errorNumbers.NOT_COORDINATOR;
  if (body.generationIdOrMemberEpoch < 0) return errorNumbers.NONE;
  if (controller.offsets.has(body.groupId)) return errorNumbers.UNKNOWN_MEMBER_ID;
  const isNamed = version >= 9 && host.release.groupNotFound;
  return isNamed ? errorNumbers.GROUP_ID_NOT_FOUND : errorNumbers.ILLEGAL_GENERATION;
}

function placeFault(topic: TopicState | undefined, { partitionIndex }: PartitionPart, unknown: number): number {
  if (!topic) return unknown;
  return topic.partitions[partitionIndex] ? errorNumbers.NONE : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
}

function sizeFault(part: PartitionPart): number {
  const size = new TextEncoder().encode(part.committedMetadata ?? "").length;
  return size > METADATA_BYTES_MAX ? errorNumbers.OFFSET_METADATA_TOO_LARGE : errorNumbers.NONE;
}
