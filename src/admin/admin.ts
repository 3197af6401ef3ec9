/** Verbs for operators: topics are made and deleted here. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { checkOptions, type OptionRule, type OptionRules, someSignal, wholeNumber } from "../base/options.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { noTopicId } from "../cluster/snapshot.ts";
import { createTopics } from "../protocol/create_topics.ts";
import { deleteTopics } from "../protocol/delete_topics.ts";

/** What a new topic is like. */
export interface NewTopicOptions {
  /** How many partitions; the cluster's own default if not said (from Kafka 2.4 on; 1 before). */
  readonly partitions?: number | undefined;
  /** How many brokers hold each; the cluster's own default if not said (from Kafka 2.4 on; 1 before). */
  readonly replicationFactor?: number | undefined;
  /** Settings by Kafka's own names: `{ "cleanup.policy": "compact" }`. */
  readonly configs?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a topic is deleted. */
export interface DeleteTopicOptions {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const someConfigs: OptionRule = {
  allowed: "an object whose values are texts, numbers, true or false",
  accepts: (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((one) => ["string", "number", "boolean"].includes(typeof one)),
};

const newTopicRules: OptionRules<NewTopicOptions> = {
  partitions: wholeNumber(1, 1_000_000),
  replicationFactor: wholeNumber(1, 32_767),
  configs: someConfigs,
  signal: someSignal,
};

const deleteTopicRules: OptionRules<DeleteTopicOptions> = { signal: someSignal };

/** From this version on the cluster has defaults of its own (KIP-464). */
const DEFAULTS_OF_CLUSTER = 4;
/** From this version on topics are named by `topics`, before by `topicNames` (KIP-516). */
const BY_TOPICS = 6;

/** What operators do; made by a client. */
export class Admin {
  readonly #cluster: Cluster;
  readonly #requestTimeoutMs: number;

  /** For a cluster. */
  constructor(cluster: Cluster, requestTimeoutMs: number) {
    this.#cluster = cluster;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /**
   * Makes a topic, and waits until it can be used: every partition has a leader. Needs Kafka 0.10.1. Codes:
   * `TOPIC_ALREADY_EXISTS`, `INVALID_TOPIC_EXCEPTION`, `INVALID_PARTITIONS`, `INVALID_REPLICATION_FACTOR`, `INVALID_CONFIG`,
   * `UNSUPPORTED_FEATURE`, `REQUEST_TIMEOUT`.
   */
  async createTopic(name: string, options: NewTopicOptions = {}): Promise<void> {
    const { signal, partitions, replicationFactor, configs } = checkOptions("createTopic", options, newTopicRules, {});
    const settings = Object.entries(configs ?? {}).map(([name, value]) => ({ name, value: String(value) }));
    const body = (version: number) => {
      const unsaid = version >= DEFAULTS_OF_CLUSTER ? -1 : 1;
      const topic = {
        name,
        numPartitions: partitions ?? unsaid,
        replicationFactor: replicationFactor ?? unsaid,
        assignments: [],
        configs: settings,
      };
      return { topics: [topic], timeoutMs: this.#requestTimeoutMs };
    };
    const cluster = this.#cluster;
    await cluster.deadline(`Making the topic ${name}`, signal, async (signal) => {
      let mayBeOurs = false;
      await cluster.retrying(async () => {
        try {
          const { topics } = await needing0101(cluster.request("controller", createTopics, body, { signal }));
          const { errorCode, errorMessage } = answerFor(name, topics, "CreateTopics");
          throwIf(errorCode, name, errorMessage);
        } catch (error) {
          // An answer was lost, and the topic is there now: it was made by this very call.
          if (mayBeOurs && error instanceof KafkaError && error.code === "TOPIC_ALREADY_EXISTS") return;
          mayBeOurs ||= error instanceof KafkaError && error.persisted === "possibly";
          throw error;
        }
      }, signal);
      await this.#untilUsable(name, signal);
    }, { topic: name });
  }

  /**
   * Deletes a topic with all its messages, and waits until the cluster does not list it any more. Needs Kafka 0.10.1. Codes:
   * `UNKNOWN_TOPIC_OR_PARTITION`, `TOPIC_DELETION_DISABLED`, `UNSUPPORTED_FEATURE`, `REQUEST_TIMEOUT`.
   */
  async deleteTopic(name: string, options: DeleteTopicOptions = {}): Promise<void> {
    const { signal } = checkOptions("deleteTopic", options, deleteTopicRules, {});
    const cluster = this.#cluster;
    const request = { topicNames: [name], topics: [{ name, topicId: noTopicId }], timeoutMs: this.#requestTimeoutMs };
    await cluster.deadline(`Deleting the topic ${name}`, signal, async (signal) => {
      let mayBeOurs = false;
      await cluster.retrying(async () => {
        try {
          const body = (version: number) =>
            version >= BY_TOPICS ? { ...request, topicNames: [] } : { ...request, topics: [] };
          const { responses } = await needing0101(cluster.request("controller", deleteTopics, body, { signal }));
          const { errorCode, errorMessage } = answerFor(name, responses, "DeleteTopics");
          if (errorCode === errorNumbers.UNKNOWN_TOPIC_OR_PARTITION && mayBeOurs) return;
          throwIf(errorCode, name, errorMessage, errorCode === errorNumbers.UNKNOWN_TOPIC_OR_PARTITION);
        } catch (error) {
          mayBeOurs ||= error instanceof KafkaError && error.persisted === "possibly";
          throw error;
        }
      }, signal);
      await this.#untilGone(name, signal);
    }, { topic: name });
  }

  #untilUsable(name: string, signal: AbortSignal): Promise<void> {
    const cluster = this.#cluster;
    return cluster.retrying(async () => {
      const { topics, errors } = await cluster.refresh([name], signal);
      const topic = topics.get(name);
      // Who may make a topic may not be allowed to see it: that is no reason to wait.
      if (!topic) {
        throw KafkaError.ofBroker(errors.get(name) ?? errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, name, { topic: name });
      }
      const orphan = topic.partitions.find(({ leader }) => leader < 0);
      if (orphan) {
        throw KafkaError.ofBroker(errorNumbers.LEADER_NOT_AVAILABLE, "", { topic: name, partition: orphan.partition });
      }
    }, signal);
  }

  #untilGone(name: string, signal: AbortSignal): Promise<void> {
    const cluster = this.#cluster;
    return cluster.retrying(async () => {
      const { topics, missing } = await cluster.refresh([name], signal);
      if (topics.has(name) && !missing.has(name)) {
        throw new KafkaError("REQUEST_TIMEOUT", `${name} is still listed`, { topic: name });
      }
    }, signal);
  }
}

/** Says since when topics can be made and deleted by a request (KIP-4). */
async function needing0101<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (!(cause instanceof KafkaError) || cause.code !== "UNSUPPORTED_FEATURE") throw cause;
    const detail = "Topics are made and deleted by a request from Kafka 0.10.1 on; before, use kafka-topics.sh";
    throw new KafkaError("UNSUPPORTED_FEATURE", detail, { cause, broker: cause.broker });
  }
}

/** What is said of the topic, whatever is said of others. */
function answerFor<T extends { readonly name: string | null }>(name: string, answers: readonly T[], api: string): T {
  const found = answers.find((answer) => answer.name === name);
  if (found) return found;
  throw new KafkaError("PROTOCOL_ERROR", `the controller left ${name} out of its answer to ${api}`, { topic: name });
}

function throwIf(errorCode: number, topic: string, detail: string | null, final = false): void {
  if (errorCode === 0) return;
  throw KafkaError.ofBroker(errorCode, detail ?? topic, { topic, ...(final && { retriable: false }) });
}
