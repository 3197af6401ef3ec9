/**
 * OffsetCommit, answered as coordinators do.
 *
 * - Version 0 goes to any broker and is kept apart, as in ZooKeeper. Releases without ZooKeeper refuse it, partition by partition, with
 *   UNSUPPORTED_VERSION (35), as those of 3.x do; 4.x does not know the version.
 * - Later ones only the group's coordinator takes; others have NOT_COORDINATOR.
 * - Nobody is a member of a group here: a generation from 0 on has ILLEGAL_GENERATION, a member's id UNKNOWN_MEMBER_ID.
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
  const { host: { controller }, version, body } = call;
  const refused = refusal(call);
  const store = version === 0 ? controller.zookeeperOffsets : controller.offsets;
  const topics = body.topics.map(({ name, topicId, partitions }): TopicAnswer => {
    const topic = version >= 10 ? controller.topicById(topicId) : controller.topics.get(name);
    const unknown = version >= 10 ? errorNumbers.UNKNOWN_TOPIC_ID : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
    return {
      name,
      topicId,
      partitions: partitions.map((part) => {
        const errorCode = refused || fault(topic, part, unknown);
        if (errorCode === errorNumbers.NONE) {
          const { committedOffset: offset, committedLeaderEpoch: leaderEpoch, committedMetadata } = part;
          const committed = { offset, leaderEpoch, metadata: committedMetadata ?? "" };
          store.set(body.groupId, topic!.name, part.partitionIndex, committed);
        }
        return { partitionIndex: part.partitionIndex, errorCode };
      }),
    };
  });
  return { topics };
}

/** What keeps all of the request from being stored; 0 if nothing does. */
function refusal({ host, version, body }: Call<typeof offsetCommit>): number {
  const { controller } = host;
  if (version === 0) return host.release.raft ? errorNumbers.UNSUPPORTED_VERSION : errorNumbers.NONE;
  if (controller.coordinatorOf(body.groupId) !== host.id) return errorNumbers.NOT_COORDINATOR;
  if (body.generationIdOrMemberEpoch >= 0) return errorNumbers.ILLEGAL_GENERATION;
  return body.memberId === "" ? errorNumbers.NONE : errorNumbers.UNKNOWN_MEMBER_ID;
}

function fault(topic: TopicState | undefined, part: PartitionPart, unknown: number): number {
  if (!topic) return unknown;
  if (!topic.partitions[part.partitionIndex]) return errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
  const size = new TextEncoder().encode(part.committedMetadata ?? "").length;
  return size > METADATA_BYTES_MAX ? errorNumbers.OFFSET_METADATA_TOO_LARGE : errorNumbers.NONE;
}
