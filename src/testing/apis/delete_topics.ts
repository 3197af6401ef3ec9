/**
 * DeleteTopics, answered as controllers do, since 0.10.1. A topic is gone at once with all that was in it, and waiting fetches learn
 * of it. Up to 3.2 only the controller does it, others have error 41. From version 6 on a topic may be named by its id (KIP-516);
 * an unknown id has error 100, an unknown name 3, both or neither INVALID_REQUEST. Deletion is never disabled.
 */

import { deleteTopics } from "../../protocol/delete_topics.ts";
import type { ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { NO_ID } from "../picture.ts";
import { errorNumbers } from "../../base/error_codes.ts";

type TopicAnswer = ResponseIn<typeof deleteTopics>["responses"][number];
type Wanted = { readonly name: string | null; readonly topicId: string };

/** Answers DeleteTopics. */
export const deleteTopicsHandler: Handler = handler(deleteTopics, answer);

function answer({ host, version, body }: Call<typeof deleteTopics>): Answer<typeof deleteTopics> {
  const { controller } = host;
  const wanted: Wanted[] = version >= 6 ? body.topics : body.topicNames.map((name) => ({ name, topicId: NO_ID }));
  const isElsewhere = !host.release.raft && controller.controllerId !== host.id;
  const responses = wanted.map((it): TopicAnswer =>
    isElsewhere ? failed(it, errorNumbers.NOT_CONTROLLER) : remove(it, host)
  );
  return { responses };
}

function remove(wanted: Wanted, { controller, release }: Host): TopicAnswer {
  const { name, topicId } = wanted;
  const isById = topicId !== NO_ID;
  if (isById === (name !== null)) {
    return failed(wanted, errorNumbers.INVALID_REQUEST, "A topic is named either by its name or by its id.");
  }
  const topic = isById ? controller.topicById(topicId) : controller.topics.get(name!);
  if (!topic) return failed(wanted, isById ? errorNumbers.UNKNOWN_TOPIC_ID : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION);
  controller.deleteTopic(topic);
  // With ZooKeeper the answer has no id where the question had none.
  return { name: topic.name, topicId: isById || release.raft ? topic.id : NO_ID, errorCode: errorNumbers.NONE };
}

function failed({ name, topicId }: Wanted, errorCode: number, errorMessage: string | null = null): TopicAnswer {
  return { name, topicId, errorCode, errorMessage };
}
