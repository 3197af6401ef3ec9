/**
 * CreateTopics, answered as controllers do, since 0.10.1.
 *
 * - Up to 3.2 only the controller does it, others have error 41. Later brokers (KRaft) pass it on, so any of them may be asked.
 * - Errors: 36 exists, 17 impossible name, or one that differs from another topic's only in `.` and `_`, 37 no partitions, 38 no
 *   replicas or more than there are living brokers, 39 impossible assignment (where ZooKeeper releases try it, and time out with 7),
 *   40 unknown setting or impossible value (a known one's bad value has -1 before 2.4, and null 42 before KRaft), 42 the topic comes
 *   twice in the request, or has both numbers and an assignment.
 * - What is looked at first: with ZooKeeper whether it exists, settings without a value (since 2.4), the numbers, the name, the other
 *   settings; without it the name, whether it exists, the settings, the numbers.
 * - -1 for a number means the broker's default, which is 1, since 2.4, whatever the version (KIP-464); before, it is refused.
 * - `validateOnly` checks and makes nothing (KIP-4). It never takes time, so `timeoutMs` does not matter.
 * - From version 5 on the answer has the numbers and the configuration that was set, but not the defaults (KIP-525); from 7 on the id.
 * - Only `cleanup.policy` (of records without key), `max.message.bytes`, `min.insync.replicas`, `message.timestamp.type` and
 *   `message.timestamp.after.max.ms` have an effect here.
 */

import { createTopics } from "../../protocol/create_topics.ts";
import type { RequestOut, ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { NO_ID } from "../picture.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import type { Release } from "../releases.ts";
import { configFault, isTopicConfig } from "../topic_configs.ts";
import { collides, topicNameFault } from "../topic_names.ts";

type Wanted = RequestOut<typeof createTopics>["topics"][number];
type TopicAnswer = ResponseIn<typeof createTopics>["topics"][number];

/** The source of a configuration that was set for the topic (`DescribeConfigsResponse.ConfigSource`). */
const TOPIC_CONFIG = 1;

/** Answers CreateTopics. */
export const createTopicsHandler: Handler = handler(createTopics, answer);

/** Why a topic cannot be made. */
interface Fault {
  readonly errorCode: number;
  readonly errorMessage: string;
}

function answer({ host, body }: Call<typeof createTopics>): Answer<typeof createTopics> {
  const { controller } = host;
  const isElsewhere = !host.release.raft && controller.controllerId !== host.id;
  const twice = new Set(body.topics.map(({ name }) => name).filter((name, i, all) => all.indexOf(name) !== i));
  const topics = body.topics.map((wanted): TopicAnswer => {
    const { name } = wanted;
    if (isElsewhere) {
      return failed(name, { errorCode: errorNumbers.NOT_CONTROLLER, errorMessage: "This is not the controller" });
    }
    if (twice.has(name)) {
      return failed(name, { errorCode: errorNumbers.INVALID_REQUEST, errorMessage: `Duplicate topic name ${name}` });
    }
    return createTopic(wanted, host, body.validateOnly);
  });
  if (!host.release.raft && host.release.topicDefaults) return { topics };
  // All but 2.4 to 3.2 name each duplicate once, behind the others.
  const once = topics.filter(({ name }, i) =>
    !twice.has(name) || topics.findIndex((other) => other.name === name) === i
  );
  return { topics: once.sort((a, b) => Number(twice.has(a.name)) - Number(twice.has(b.name))) };
}

/** Makes a topic, or tells why it cannot be made. */
export function createTopic(wanted: Wanted, host: Host, isTrial = false): TopicAnswer {
  const { name } = wanted;
  const assignment = place(wanted, host);
  const placeFault = Array.isArray(assignment) ? undefined : assignment;
  const { raft } = host.release;
  // Without ZooKeeper the settings come before the numbers; with it only those that have no value do, from 2.4 on, and the name after.
  const fault = raft
    ? nameFault(name, host) ?? configsFault(wanted, host) ?? replicasFault(wanted) ?? placeFault
    : existsFault(name, host) ?? nullFault(wanted, host) ?? placeFault ?? nameFault(name, host);
  const any = fault ?? configsFault(wanted, host);
  if (any || !Array.isArray(assignment)) return failed(name, any!);
  return make(wanted, assignment, host, isTrial);
}

function failed(name: string, { errorCode, errorMessage }: Fault): TopicAnswer {
  return { name, errorCode, errorMessage, configs: [] };
}

function make(
  { name, configs }: Wanted,
  assignment: number[][],
  { controller, release }: Host,
  isTrial: boolean,
): TopicAnswer {
  const set = new Map(configs.map((config) => [config.name, config.value]));
  const topic = isTrial ? undefined : controller.createTopic(name, assignment, set);
  return {
    name,
    topicId: topic?.id ?? (release.raft ? controller.newId() : NO_ID),
    errorCode: errorNumbers.NONE,
    errorMessage: null,
    numPartitions: assignment.length,
    replicationFactor: assignment[0]!.length,
    configs: configs.map((config) => ({ ...config, readOnly: false, configSource: TOPIC_CONFIG, isSensitive: false })),
  };
}

function nameFault(name: string, { controller }: Host): Fault | undefined {
  const fault = topicNameFault(name);
  if (fault) return { errorCode: errorNumbers.INVALID_TOPIC_EXCEPTION, errorMessage: fault };
  const exists = existsFault(name, { controller });
  if (exists) return exists;
  const other = collides(name, controller.topics.keys());
  if (other === undefined) return undefined;
  return {
    errorCode: errorNumbers.INVALID_TOPIC_EXCEPTION,
    errorMessage: `Topic '${name}' collides with existing topic: ${other}`,
  };
}

function existsFault(name: string, { controller }: Pick<Host, "controller">): Fault | undefined {
  if (!controller.topics.has(name)) return undefined;
  return { errorCode: errorNumbers.TOPIC_ALREADY_EXISTS, errorMessage: `Topic '${name}' already exists.` };
}

function nullFault({ configs }: Wanted, { release }: Host): Fault | undefined {
  const empty = release.topicDefaults && configs.find(({ value }) => value === null);
  if (!empty) return undefined;
  const errorCode = configError(isTopicConfig(empty.name), null, release);
  return { errorCode, errorMessage: `Null value not supported for topic config: ${empty.name}` };
}

/** Without ZooKeeper the number of replicas is looked at before that of partitions, but for whether there are so many brokers. */
function replicasFault({ replicationFactor, assignments }: Wanted): Fault | undefined {
  if (assignments.length > 0 || replicationFactor > 0 || replicationFactor === -1) return undefined;
  const errorMessage = "Replication factor must be larger than 0, or -1 to use the default value.";
  return { errorCode: errorNumbers.INVALID_REPLICATION_FACTOR, errorMessage };
}

function place(wanted: Wanted, { controller, release }: Host): number[][] | Fault {
  const { numPartitions, replicationFactor, assignments } = wanted;
  if (assignments.length > 0) return assigned(wanted, controller.aliveIds());
  const isDefaultKnown = release.topicDefaults;
  const partitions = numPartitions === -1 && isDefaultKnown ? 1 : numPartitions;
  if (partitions <= 0) {
    return { errorCode: errorNumbers.INVALID_PARTITIONS, errorMessage: "Number of partitions must be larger than 0." };
  }
  const replicas = replicationFactor === -1 && isDefaultKnown ? 1 : replicationFactor;
  const alive = controller.aliveIds().length;
  if (replicas <= 0 || replicas > alive) {
    const errorMessage =
      `Replication factor: ${replicas} must be larger than 0 and at most the ${alive} brokers that run.`;
    return { errorCode: errorNumbers.INVALID_REPLICATION_FACTOR, errorMessage };
  }
  return controller.spread(partitions, replicas);
}

function assigned(
  { numPartitions, replicationFactor, assignments }: Wanted,
  alive: readonly number[],
): number[][] | Fault {
  if (numPartitions !== -1 || replicationFactor !== -1) {
    const errorMessage = "Both the numbers and the assignment were given; the numbers must be -1.";
    return { errorCode: errorNumbers.INVALID_REQUEST, errorMessage };
  }
  const sorted = [...assignments].sort((a, b) => a.partitionIndex - b.partitionIndex);
  const width = sorted[0]!.brokerIds.length;
  const isSound = width > 0 &&
    sorted.every(({ partitionIndex, brokerIds }, i) =>
      partitionIndex === i && brokerIds.length === width && new Set(brokerIds).size === width &&
      brokerIds.every((id) => alive.includes(id))
    );
  if (isSound) return sorted.map(({ brokerIds }) => brokerIds);
  return {
    errorCode: errorNumbers.INVALID_REPLICA_ASSIGNMENT,
    errorMessage: "The replica assignment is not consistent.",
  };
}

function configsFault({ configs }: Wanted, { release }: Host): Fault | undefined {
  for (const { name, value } of configs) {
    const errorMessage = configFault(name, value);
    if (errorMessage === undefined) continue;
    return { errorCode: configError(isTopicConfig(name), value, release), errorMessage };
  }
  return undefined;
}

function configError(isKnown: boolean, value: string | null, release: Release): number {
  if (!isKnown || release.raft) return errorNumbers.INVALID_CONFIG;
  if (!release.topicDefaults) return errorNumbers.UNKNOWN_SERVER_ERROR;
  return value === null ? errorNumbers.INVALID_REQUEST : errorNumbers.INVALID_CONFIG;
}
