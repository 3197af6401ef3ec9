/** What of two brokers' answers need not be equal, and why; the rest is compared field by field. */

import type { Codecs } from "../../../src/records/compression.ts";
import { BATCH } from "../../../src/records/layout.ts";
import { type RecordBatch, recordBatches } from "../../../src/records/reading.ts";
import { type Answer, NO_ID, type Side, STRANGE_ID } from "./side.ts";
import type { ApiName, Step } from "./steps.ts";

/** How a field is made comparable, and why that has to be. */
interface Difference {
  readonly why: string;
  readonly as: (value: never, side: Side) => unknown;
}

/** The scenarios' own times are before. */
const STAMPED_FROM = 1_740_000_000_000;

const IN_ORDER = "brokers keep the parts of a request in hash tables, and answer in their order";

/** Topics by name or id; what is told of one in several places is together. */
function topicsInOrder(topics: readonly Record<string, unknown>[] | null, { ids }: Side): unknown {
  const nameOf = ({ name, topic, topicId }: Record<string, unknown>) => `${name ?? topic} ${ids.get(`${topicId}`)}`;
  const together = new Map<string, Record<string, unknown>>();
  for (const topic of topics ?? []) {
    const before = together.get(nameOf(topic));
    const parts = topic.partitions ? "partitions" : "partitionResponses";
    const isSplit = before && Array.isArray(topic[parts]);
    const whole = isSplit
      ? { ...topic, [parts]: [...before[parts] as unknown[], ...topic[parts] as unknown[]] }
      : topic;
    if (before && !isSplit) return topics; // made twice, which is a matter of its own
    together.set(nameOf(topic), whole);
  }
  return [...together].toSorted(([a], [b]) => a < b ? -1 : 1).map(([, topic]) => topic);
}

function partitionsInOrder(partitions: readonly Record<string, number>[]): unknown {
  const numberOf = ({ index, partitionIndex }: Record<string, number>) => index ?? partitionIndex ?? 0;
  return partitions.toSorted((one, other) => numberOf(one) - numberOf(other));
}

/** An id that was in the question, or a new one: a trial of CreateTopics draws one too. */
function idAsked(id: string): string {
  return id === NO_ID || id === STRANGE_ID ? id : "an id";
}

const either = (value: unknown) => value === null ? null : "a text";

/** The fields that differ by right. What is not named here is compared as it is. */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  throttleTimeMs: { why: "how busy each broker is", as: () => "any" },
  clusterId: { why: "drawn", as: either },
  host: { why: "where each listens", as: (host: string) => host === "" ? "" : "its own" },
  port: { why: "where each listens", as: (port: number) => port < 0 ? port : "its own" },
  topicId: { why: "drawn; whose it is counts instead", as: (id: string, { ids }) => ids.get(id) ?? idAsked(id) },
  producerId: { why: "handed out in blocks; that there is one counts", as: (id: number) => id < 0 ? id : "an id" },
  errorMessage: { why: "worded for people", as: () => "any" },
  batchIndexErrorMessage: { why: "worded for people", as: () => "any" },
  logAppendTimeMs: { why: "a clock's; that there is one counts", as: (ms: number) => ms < 0 ? ms : "a time" },
  timestamp: {
    why: "a clock's, where the log stamps records",
    as: (ms: number) => ms > STAMPED_FROM ? "the log's" : ms,
  },
  responses: { why: IN_ORDER, as: topicsInOrder },
  topics: { why: IN_ORDER, as: topicsInOrder },
  partitions: { why: IN_ORDER, as: partitionsInOrder },
  partitionResponses: { why: IN_ORDER, as: partitionsInOrder },
  configs: {
    why: "a real broker lists its defaults too (KIP-525)",
    as: (configs: readonly { configSource: number }[] | null) => configs?.filter((it) => it.configSource === 1) ?? null,
  },
  supportedFeatures: { why: "no API here depends on one", as: () => "any" },
  finalizedFeaturesEpoch: { why: "no API here depends on one", as: () => "any" },
  finalizedFeatures: { why: "no API here depends on one", as: () => "any" },
};

/** An answer as it is compared. */
export async function comparable(answer: Answer, step: Step, side: Side, codecs: Codecs): Promise<unknown> {
  if (typeof answer !== "object") return answer;
  const own = ofScenario(answer, step.api, side);
  return await walked(own, "", side, codecs);
}

/** Without what is there besides the scenario: topics of others, and APIs that the embedded broker lacks. */
function ofScenario(answer: unknown, api: ApiName, { prefix }: Side): unknown {
  if (api === "ApiVersions") {
    const { apiKeys, ...rest } = answer as { apiKeys: readonly { apiKey: number }[] };
    return { ...rest, apiKeys: apiKeys.filter(({ apiKey }) => EMBEDDED.has(apiKey)) };
  }
  if (api === "Metadata") {
    const { topics, ...rest } = answer as { topics: readonly { name: string | null }[] };
    const own = topics.filter(({ name }) => !name || name.startsWith(prefix));
    return { ...rest, topics: own };
  }
  return answer;
}

/** The APIs that the embedded broker has. */
const EMBEDDED: ReadonlySet<number> = new Set([0, 1, 2, 3, 8, 9, 10, 16, 18, 19, 20, 22]);

async function walked(value: unknown, key: string, side: Side, codecs: Codecs): Promise<unknown> {
  const difference = Object.hasOwn(DIFFERENCES, key) ? DIFFERENCES[key] : undefined;
  const it = difference ? difference.as(value as never, side) : value;
  if (it instanceof Uint8Array) return key === "records" ? await entriesOf(it, codecs) : [...it];
  if (Array.isArray(it)) return await Promise.all(it.map((one) => walked(one, "", side, codecs)));
  if (typeof it === "object" && it !== null) {
    const fields: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(it)) fields[name] = await walked(field, name, side, codecs);
    return fields;
  }
  return typeof it === "string" ? it.replaceAll(side.prefix, "") : it;
}

/** Records, batch by batch. Of those that are not compressed every byte counts; compressed ones may be written anew by another codec. */
async function entriesOf(bytes: Uint8Array, codecs: Codecs): Promise<unknown> {
  const origin = { topic: "", partition: 0 };
  const entries: unknown[] = [];
  let at = 0;
  for (const batch of recordBatches(bytes, origin)) {
    at += batch.bytes.length;
    if (batch.compression === "none" && !(batch.magic === 1 && batch.isAppendTime)) {
      entries.push(hex(masked(batch)));
      continue;
    }
    const { magic, compression, producerId, producerEpoch, baseSequence } = batch;
    const records = [];
    for (const message of await batch.open(origin, { codecs, checkCrc: true, decompressedLimit: 1 << 24 })) {
      const { offset, timestamp, headers } = message;
      records.push([
        offset,
        batch.isAppendTime ? "the log's" : timestamp,
        message.key && hex(message.key),
        message.value && hex(message.value),
        headers.length,
      ]);
    }
    entries.push({
      magic,
      compression,
      producerId: producerId < 0 ? producerId : "an id",
      producerEpoch,
      baseSequence,
      records,
    });
  }
  const hasCompressed = entries.some((entry) => typeof entry !== "string");
  return { entries, left: hasCompressed ? "any" : hex(bytes.subarray(at)) };
}

/** Without what is drawn or a clock's, and so without the checksum over it: the producer's id, and the log's own time. */
function masked(batch: RecordBatch): Uint8Array {
  const { magic, bytes, producerId, isAppendTime } = batch;
  if (magic < 2 || (producerId < 0 && !isAppendTime)) return bytes;
  const copy = bytes.slice();
  copy.fill(0, BATCH.crc, BATCH.attributes);
  if (producerId >= 0) copy.fill(0, BATCH.producerId, BATCH.producerEpoch);
  if (isAppendTime) copy.fill(0, BATCH.maxTimestamp, BATCH.producerId);
  return copy;
}

/** Where two answers part first, and how; undefined where they do not. */
export function parting(real: unknown, embedded: unknown, path = ""): string | undefined {
  if (typeof real !== "object" || typeof embedded !== "object" || real === null || embedded === null) {
    return real === embedded ? undefined : `${path}: ${JSON.stringify(real)} and ${JSON.stringify(embedded)}`;
  }
  const keys = new Set([...Object.keys(real), ...Object.keys(embedded)]);
  for (const key of keys) {
    const place = Array.isArray(real) ? `${path}[]` : `${path}.${key}`;
    const found = parting((real as Record<string, unknown>)[key], (embedded as Record<string, unknown>)[key], place);
    if (found !== undefined) return found;
  }
  return undefined;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
