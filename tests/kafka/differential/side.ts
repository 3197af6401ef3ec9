/** One of the two that are compared: a broker, real or embedded, with the topics, ids and producers of the scenario at hand. */

import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { deleteTopics } from "../../../src/protocol/delete_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { findCoordinator } from "../../../src/protocol/find_coordinator.ts";
import { initProducerId } from "../../../src/protocol/init_producer_id.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import { decodeResponse } from "../../../src/protocol/message.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { offsetCommit } from "../../../src/protocol/offset_commit.ts";
import { offsetFetch } from "../../../src/protocol/offset_fetch.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Codecs } from "../../../src/records/compression.ts";
import { recordsBuilder } from "../../../src/records/builder.ts";
import { ATTRIBUTES, BATCH, setInt64 } from "../../../src/records/layout.ts";
import type { Api, Request } from "../../../src/wire/schema.ts";
import type { Line } from "../../unit/testing_cluster/line.ts";
import type { ApiName, Damage, Scenario, SetPlan, Step } from "./steps.ts";

/** The requests, by their names. */
export const APIS: Readonly<Record<ApiName, Api>> = {
  ApiVersions: apiVersions,
  Metadata: metadata,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  FindCoordinator: findCoordinator,
  OffsetCommit: offsetCommit,
  OffsetFetch: offsetFetch,
  InitProducerId: initProducerId,
};

/** What came back: a body, or nothing, or the connection's end. */
export type Answer = unknown | "closed" | "silence";

/** What a side is made of. */
export interface SideParts {
  /** Connects. */
  readonly dial: () => Promise<Line>;
  /** Makes a topic where the release has no request for it. */
  readonly makeTopic: (name: string, partitions: number) => Promise<void>;
  readonly codecs: Codecs;
  /** The versions of Metadata that the broker lists. */
  readonly metadataMax: number;
  /** Whether topics are made by request. */
  readonly createMax: number | undefined;
}

/** That of no topic. */
export const NO_ID = "00000000-0000-0000-0000-000000000000";
/** Nobody's. */
export const STRANGE_ID = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f";
const SETTLE_MS = 10_000;
const SILENCE_MS = 10_000;
/** While a new leader has not found out that it is that. */
const NOT_YET: readonly number[] = [3, 5, 6];

/** One side. */
export class Side {
  /** Ids of topics, to their short names. */
  readonly ids: Map<string, string> = new Map();
  readonly #parts: SideParts;
  readonly #producers = new Map<number, number>();
  #line: Line | undefined;
  #prefix = "";

  constructor(parts: SideParts) {
    this.#parts = parts;
  }

  /** What the names of this play begin with. */
  get prefix(): string {
    return this.#prefix;
  }

  /** Begins a scenario: its topics are made, and lead. */
  async begin({ configs }: Scenario, prefix: string): Promise<void> {
    this.#prefix = prefix;
    this.ids.clear();
    this.#producers.clear();
    const { createMax, makeTopic } = this.#parts;
    if (createMax === undefined) {
      for (const [name, partitions] of [["a", 2], ["b", 1]] as const) await makeTopic(`${prefix}${name}`, partitions);
    } else {
      await this.#make("a", 2, []);
      await this.#make("b", 1, configs);
    }
    for (const name of ["a", "b"]) await this.#settle(name, true);
  }

  /** Plays a step. */
  async play(step: Step): Promise<Answer> {
    const line = this.#line ??= await this.#parts.dial();
    const answer = await this.#ask(line, step);
    if (answer === "closed" || answer === "silence") this.close();
    if (answer === "closed" || typeof answer !== "object") return answer;
    if (step.api === "CreateTopics" && !step.trial) {
      for (const { name } of step.topics) if (name === "c" || name === "d") await this.#settle(name, undefined);
    }
    if (step.api === "DeleteTopics") {
      const { responses } = answer as { responses: readonly { errorCode: number }[] };
      if (responses.every(({ errorCode }) => errorCode === 0)) {
        for (const name of step.topics) await this.#settle(name, false);
      }
    }
    if (step.api === "InitProducerId") {
      const { producerId, errorCode } = answer as { producerId: number; errorCode: number };
      if (errorCode === 0) this.#producers.set(step.slot, producerId);
    }
    return answer;
  }

  /** Asks until it is so that a coordinator and producer ids are there: what a young broker does not have yet is no difference. */
  async warmUp(hasProducerIds: boolean): Promise<void> {
    const line = await this.#parts.dial();
    for (let ms = 0; (await line.ask(findCoordinator, 0, { key: "warm" })).errorCode !== 0; ms += 50) {
      if (ms > SETTLE_MS) throw new Error("there is no coordinator");
      await sleep(50);
    }
    while (hasProducerIds && (await line.ask(initProducerId, 0, { transactionTimeoutMs: 60_000 })).errorCode !== 0) {
      await sleep(50);
    }
    line.close();
  }

  /** Lets go of the connection. */
  close(): void {
    this.#line?.close();
    this.#line = undefined;
  }

  async #make(name: string, numPartitions: number, configs: Scenario["configs"]): Promise<void> {
    const line = this.#line ??= await this.#parts.dial();
    const topic = {
      ...{ name: `${this.#prefix}${name}`, numPartitions, replicationFactor: 1, assignments: [] },
      configs: configs.map(([name, value]) => ({ name, value })),
    };
    const { topics } = await line.ask(createTopics, this.#parts.createMax!, { topics: [topic], timeoutMs: 10_000 });
    if (topics[0]!.errorCode !== 0) throw new Error(`${name} was not made: error ${topics[0]!.errorCode}`);
  }

  /** Waits until a topic is there and leads, or is gone, or whichever it is: a broker hears of it after the answer. */
  async #settle(name: string, isThere: boolean | undefined): Promise<void> {
    const line = this.#line ??= await this.#parts.dial();
    const version = Math.min(this.#parts.metadataMax, 12);
    const named = [{ name: `${this.#prefix}${name}` }];
    for (let ms = 0; ms < SETTLE_MS; ms += 10) {
      const { topics } = await line.ask(metadata, version, { topics: named, allowAutoTopicCreation: version < 4 });
      const [topic] = topics;
      const isGone = topic!.errorCode === 3;
      if (isGone && isThere !== true) {
        // One that is being made may come yet; and one that nobody tells of any more may still be in ZooKeeper.
        if (isThere === undefined ? ms >= 100 : await this.#mayBeMade(line, named[0]!.name)) return;
      } else if (topic!.errorCode === 0 && isThere !== false && await this.#leads(line, named[0]!.name, topic!)) {
        if (topic!.topicId !== NO_ID) this.ids.set(topic!.topicId, name);
        return;
      }
      await sleep(10);
    }
    throw new Error(`${name} did not settle`);
  }

  async #mayBeMade(line: Line, name: string): Promise<boolean> {
    const { createMax = 0 } = this.#parts;
    const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const trial = { topics: [topic], timeoutMs: 10_000, validateOnly: true };
    return (await line.ask(createTopics, createMax, trial)).topics[0]!.errorCode === 0;
  }

  async #leads(
    line: Line,
    name: string,
    { partitions }: { partitions: readonly { partitionIndex: number; errorCode: number }[] },
  ): Promise<boolean> {
    if (partitions.length === 0 || partitions.some(({ errorCode }) => errorCode !== 0)) return false;
    const wanted = partitions.map(({ partitionIndex }) => ({
      partition: partitionIndex,
      fetchOffset: 0,
      partitionMaxBytes: 1,
    }));
    const body = { maxWaitMs: 0, minBytes: 0, topics: [{ topic: name, partitions: wanted }] };
    const { responses } = await line.ask(fetch, this.#parts.metadataMax >= 4 ? 4 : 0, body);
    return responses[0]!.partitions.every(({ errorCode }) => !NOT_YET.includes(errorCode));
  }

  async #ask(line: Line, step: Step): Promise<Answer> {
    const api = APIS[step.api];
    const body = await this.#bodyOf(step) as Request<Api>;
    try {
      const id = await line.send(api, step.version, body);
      const isMute = step.api === "Produce" && step.acks === 0;
      // Nothing answers an unanswered one: what comes next tells whether the connection goes on.
      const next = isMute ? await line.send(metadata, 0, { topics: [{ name: `${this.#prefix}a` }] }) : id;
      const frame = await within(line.frame());
      if (frame === "silence") return "silence";
      if (!frame) return "closed";
      const got = new DataView(frame.buffer, frame.byteOffset).getInt32(0);
      if (isMute) return got === next ? "nothing" : "an answer";
      return decodeResponse(api, step.version, frame.slice());
    } catch (error) {
      if ((error as { code?: string }).code === "CONNECTION_RESET") return "closed";
      throw error;
    }
  }

  async #bodyOf(step: Step): Promise<unknown> {
    switch (step.api) {
      case "ApiVersions":
        return {
          ...(step.version >= 3 && { clientSoftwareName: step.software, clientSoftwareVersion: "1" }),
          ...(step.version >= 5 && { nodeId: step.node }),
        };
      case "Metadata":
        return {
          topics: step.topics?.map((name) => ({ name: this.#name(name) })) ?? (step.version === 0 ? [] : null),
          allowAutoTopicCreation: step.version < 4,
        };
      case "CreateTopics":
        return {
          topics: step.topics.map(({ name, partitions, replicas, configs }) => ({
            ...{ name: this.#name(name), numPartitions: partitions, replicationFactor: replicas, assignments: [] },
            configs: configs.map(([name, value]) => ({ name, value })),
          })),
          timeoutMs: 10_000,
          ...(step.version >= 1 && { validateOnly: step.trial }),
        };
      case "DeleteTopics": {
        const topics = step.topics.map((name) =>
          step.byId ? { name: null, topicId: this.#idOf(name) } : { name: this.#name(name), topicId: NO_ID }
        );
        const topicNames = step.topics.map((name) => this.#name(name));
        return { timeoutMs: 10_000, ...(step.version >= 6 ? { topics } : { topicNames }) };
      }
      case "Produce":
        return await this.#produceBody(step);
      case "Fetch":
        return this.#fetchBody(step);
      case "FindCoordinator":
        return {
          ...(step.version >= 1 && { keyType: step.type }),
          ...(step.version >= 4 ? { coordinatorKeys: [this.#name(step.group)] } : { key: this.#name(step.group) }),
        };
      case "InitProducerId":
        return { transactionTimeoutMs: 60_000 };
      default:
        return this.#offsetsBody(step);
    }
  }

  #offsetsBody(step: Extract<Step, { api: "ListOffsets" | "OffsetCommit" | "OffsetFetch" }>): unknown {
    const { version } = step;
    if (step.api === "ListOffsets") {
      const topics = this.#byTopic(step.parts, 0, ({ partition, timestamp, epoch, most }) => ({
        ...{ partitionIndex: partition, timestamp, currentLeaderEpoch: epoch },
        ...(version === 0 && { maxNumOffsets: most }),
      }));
      return { replicaId: -1, topics };
    }
    const groupId = this.#name(step.group);
    if (step.api === "OffsetCommit") {
      const topics = this.#byTopic(step.parts, version >= 10 ? 1 : 0, ({ partition, offset, epoch, metadata }) => ({
        ...{ partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: epoch },
        committedMetadata: metadata,
      }));
      const { generation: generationIdOrMemberEpoch, member: memberId } = step;
      return { groupId, generationIdOrMemberEpoch, memberId, topics };
    }
    const topics = step.parts && this.#byTopic(step.parts, version >= 10 ? 1 : 0, ({ partition }) => partition)
      .map(({ partitions, ...topic }) => ({ ...topic, partitionIndexes: partitions }));
    return version >= 8 ? { groups: [{ groupId, topics }] } : { groupId, topics };
  }

  async #produceBody({ version, acks, parts }: Extract<Step, { api: "Produce" }>): Promise<unknown> {
    const sets = await Promise.all(parts.map(async (part) => ({ ...part, records: await this.#recordsOf(part.set) })));
    const topics = this.#byTopic(
      sets,
      version >= 13 ? 1 : 0,
      ({ partition, records }) => ({ index: partition, records }),
    );
    return {
      acks,
      timeoutMs: 200,
      topicData: topics.map(({ partitions, ...it }) => ({ ...it, partitionData: partitions })),
    };
  }

  #fetchBody(step: Extract<Step, { api: "Fetch" }>): unknown {
    const { version, minBytes, maxWaitMs, maxBytes, isolation, sessionEpoch } = step;
    const topics = this.#byTopic(
      step.parts,
      version >= 13 ? 1 : 0,
      ({ partition, offset, bytes, epoch, lastEpoch }) => ({
        ...{ partition, fetchOffset: offset, partitionMaxBytes: bytes, currentLeaderEpoch: epoch },
        ...(version >= 12 && { lastFetchedEpoch: lastEpoch }),
      }),
    );
    return {
      ...{
        minBytes,
        maxWaitMs,
        maxBytes,
        isolationLevel: isolation,
        sessionEpoch,
        sessionId: sessionEpoch > 0 ? 77 : 0,
      },
      topics: topics.map(({ name, ...it }) => name === undefined ? it : { ...it, topic: name }),
    };
  }

  /** Parts of one topic go together, by its name, or by its id. */
  #byTopic<P extends { readonly topic: string }, Q>(parts: readonly P[], byId: 0 | 1, of: (part: P) => Q) {
    const topics = new Map<string, Q[]>();
    let stranger: string | undefined;
    for (const part of parts) {
      if (byId && this.#idOf(part.topic) === STRANGE_ID && part.topic !== (stranger ??= part.topic)) continue;
      topics.set(part.topic, [...(topics.get(part.topic) ?? []), of(part)]);
    }
    return [...topics].map(([topic, partitions]): { name?: string; topicId?: string; partitions: Q[] } =>
      byId ? { topicId: this.#idOf(topic), partitions } : { name: this.#name(topic), partitions }
    );
  }

  #name(short: string): string {
    return short === "" || short === ".." ? short : `${this.#prefix}${short}`;
  }

  #idOf(short: string): string {
    for (const [id, name] of this.ids) if (name === short) return id;
    return STRANGE_ID;
  }

  async #recordsOf(set: SetPlan): Promise<Uint8Array> {
    const { magic, compression, records, producer, damage } = set;
    const builder = recordsBuilder(magic);
    const encode = (text: string | null) => text === null ? null : new TextEncoder().encode(text);
    for (const { key, value, timestamp, headers } of records) {
      builder.append({
        ...{ key: encode(key), value: encode(value), timestamp },
        headers: headers.map(([name, text]) => [name, encode(text)] as const),
      });
    }
    const numbers = producer && {
      producerId: this.#producers.get(producer.slot) ?? -1,
      producerEpoch: producer.epoch,
      baseSequence: producer.sequence,
    };
    const isNumbered = numbers !== undefined && numbers.producerId >= 0;
    const bytes = (await builder.build({ compression, codecs: this.#parts.codecs, ...(isNumbered && numbers) }))
      .slice();
    return damage === undefined ? bytes : damaged(bytes, damage);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function within<T>(promise: Promise<T>): Promise<T | "silence"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"silence">((resolve) => timer = setTimeout(() => resolve("silence"), SILENCE_MS));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Breaks a batch, or the message set that it is. */
function damaged(bytes: Uint8Array, damage: Damage): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sealed = () => {
    view.setUint32(BATCH.crc, crc32c(bytes, BATCH.attributes));
    return bytes;
  };
  switch (damage) {
    case "checksum":
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    case "count":
      view.setInt32(BATCH.recordCount, view.getInt32(BATCH.recordCount) + 1);
      return sealed();
    case "control":
      view.setInt16(BATCH.attributes, view.getInt16(BATCH.attributes) | ATTRIBUTES.control);
      return sealed();
    case "base offset":
      setInt64(view, 0, 3);
      return bytes;
    case "torn":
      return bytes.subarray(0, bytes.length - 3);
    case "twice":
      return Uint8Array.of(...bytes, ...bytes);
    case "empty":
      return new Uint8Array(0);
  }
}
