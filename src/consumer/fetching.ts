/** One fetch: what is asked of a broker, and what its answer means for each partition. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Telemetry } from "../base/telemetry.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Connection } from "../connection/connection.ts";
import { fetch } from "../protocol/fetch.ts";
import { type RecordBatch, recordBatches } from "../records/reading.ts";
import type { Request, Response } from "../wire/schema.ts";
import type { Asked, Cursor } from "./cursor.ts";

/** How much to ask for. */
export interface FetchSizes {
  /** A broker waits for so many bytes before it answers. */
  readonly minBytes: number;
  /** Bytes of one partition in an answer; a larger first batch comes whole. */
  readonly partitionBytes: number;
  /** Bytes of an answer. */
  readonly responseBytes: number;
}

/** Who learns what an answer says of a cursor. */
export interface Takers {
  readonly telemetry: Telemetry;
  readonly cluster: Cluster;
  readonly settings: FetchSizes;
  /** The offset is not in the log. */
  readonly outOfRange: (cursor: Cursor) => void;
  /** There is nothing to say: it is asked for again after a while. */
  readonly later: (cursor: Cursor) => void;
  /** The partition has failed. */
  readonly failed: (cursor: Cursor, error: unknown) => void;
}

/** Who has answered. */
type Answerer = Pick<Connection, "label" | "versions">;
type PartitionAnswer = Response<typeof fetch>["responses"][number]["partitions"][number];

/** From this version on the first batch comes whole, and nothing instead of a part of one (KIP-74). */
const WHOLE_FIRST = 3;
/** The largest piece of one partition that is asked for after smaller ones did not hold a batch. */
const PARTITION_BYTES_MAX = 1024 * 1024 * 1024;
/** So often nothing comes where the log says that there is something: then it is believed that there is nothing. */
const HOLES_MAX = 3;

/** What to ask a broker for. */
export function fetchBody(
  cluster: Cluster,
  { minBytes, responseBytes }: FetchSizes,
  asked: readonly Asked[],
  maxWaitMs: number,
): Request<typeof fetch> {
  const topics = new Map<string, Request<typeof fetch>["topics"][number]["partitions"][number][]>();
  let maxBytes = responseBytes;
  for (const { cursor, offset } of asked) {
    const partitions = topics.get(cursor.topic) ?? [];
    const leaderEpoch = cluster.partition(cursor.topic, cursor.partition)?.leaderEpoch ?? -1;
    maxBytes = Math.max(maxBytes, cursor.bytesMax);
    partitions.push({
      partition: cursor.partition,
      currentLeaderEpoch: leaderEpoch,
      fetchOffset: offset,
      partitionMaxBytes: cursor.bytesMax,
    });
    topics.set(cursor.topic, partitions);
  }
  const named = [...topics].map(([topic, partitions]) => {
    const topicId = cluster.snapshot.topics.get(topic)?.id;
    return { topic, ...(topicId !== undefined && { topicId }), partitions };
  });
  return { maxWaitMs, minBytes, maxBytes, topics: named };
}

/** Gives each cursor what the answer has for it. */
export function takeAnswer(
  takers: Takers,
  from: Answerer,
  asked: readonly Asked[],
  response: Response<typeof fetch>,
): void {
  const { cluster, later, failed } = takers;
  const answers = new Map<string, PartitionAnswer>();
  let isEmpty = true;
  for (const { topic, topicId, partitions } of response.responses) {
    for (const answer of partitions) {
      answers.set(`${topic || topicId}/${answer.partitionIndex}`, answer);
      if (answer.records && answer.records.length > 0) isEmpty = false;
    }
  }
  for (const { cursor, generation, offset } of asked) {
    // Somebody sought elsewhere while the answer was under way: it is about a place where nobody is.
    if (cursor.generation !== generation || cursor.fetchOffset !== offset) continue;
    const { topic, partition } = cursor;
    const id = cluster.snapshot.topics.get(topic)?.id;
    const answer = answers.get(`${topic}/${partition}`) ?? answers.get(`${id}/${partition}`);
    cursor.misunderstandings = 0;
    try {
      if (answer) takePartition(takers, from, cursor, answer, isEmpty);
      else later(cursor);
    } catch (error) {
      failed(cursor, error);
    }
  }
}

function takePartition(
  takers: Takers,
  { label: broker, versions }: Answerer,
  cursor: Cursor,
  answer: PartitionAnswer,
  isEmpty: boolean,
): void {
  const { settings, outOfRange, later, telemetry } = takers;
  const { topic, partition } = cursor;
  if (answer.errorCode === errorNumbers.OFFSET_OUT_OF_RANGE) {
    // What was fetched before is read first: then it is asked for once more.
    if (!cursor.isBehind) outOfRange(cursor);
    return later(cursor);
  }
  if (answer.errorCode !== 0) {
    throw KafkaError.ofBroker(answer.errorCode, "", { broker, topic, partition, offset: cursor.fetchOffset });
  }
  const { records, highWatermark } = answer;
  cursor.highWatermark = highWatermark;
  if (!records || records.length === 0) {
    if (isEmpty && highWatermark > cursor.fetchOffset) return takeHole(takers, cursor, highWatermark);
    cursor.failures = cursor.holes = 0;
    return;
  }
  cursor.failures = cursor.holes = 0;
  const batches = recordBatches(records, { topic, partition });
  if (batches.length > 0) {
    cursor.bytesMax = settings.partitionBytes;
    // What lies wholly in front of the place, or of another batch, is dropped; one that begins before it is read from its middle.
    const useful: RecordBatch[] = [];
    let next = cursor.fetchOffset;
    for (const batch of batches) {
      if (batch.lastOffset < next) continue;
      useful.push(batch);
      next = batch.lastOffset + 1;
    }
    if (useful.length === 0) return later(cursor); // no broker gives what was not asked for; this one is not asked at once again
    const piece = { batches: useful, next: 0, highWatermark, bytes: records.length };
    telemetry.fetched(broker, cursor, piece);
    return cursor.add(piece);
  }
  if ((versions.best(fetch) ?? 0) >= WHOLE_FIRST) {
    const detail = `${broker} gave ${records.length} bytes of ${topic}/${partition} without a whole batch in them`;
    throw new KafkaError("PROTOCOL_ERROR", detail, { broker, topic, partition, offset: cursor.fetchOffset });
  }
  // Brokers before 0.10.1 cut even the first batch where the bytes end: ask for more until it fits.
  if (cursor.bytesMax >= PARTITION_BYTES_MAX) {
    const detail = `${topic}/${partition} has a batch of more than ${cursor.bytesMax} bytes at ${cursor.fetchOffset}`;
    throw new KafkaError("FRAME_TOO_LARGE", detail, { broker, topic, partition, offset: cursor.fetchOffset });
  }
  cursor.bytesMax *= 2;
}

/**
 * The log goes on, and an answer with room for all brings nothing: the last messages were compacted away, or an old broker leaves out
 * markers that the request's version does not know. The broker answers at once then, so it is asked again only after a while. A
 * loop to the end has come there after a few tries: in a log that is kept elsewhere too, what takes long to come is not nothing.
 */
function takeHole({ later }: Takers, cursor: Cursor, highWatermark: number): void {
  later(cursor);
  if (++cursor.holes < HOLES_MAX || highWatermark < cursor.end) return;
  cursor.skipTo(cursor.end);
}
