/**
 * ListOffsets, answered as leaders do.
 *
 * - Version 0 gives up to `maxNumOffsets` offsets of segments and the end, the newest first: those that were last written before the
 *   timestamp, or for -1 all, for -2 the first. A log here is one segment. 0.8 and 0.9 have no other version.
 * - Later ones give one: -1 the log's end, -2 its start, without timestamps; a time the first record from then on, with its
 *   timestamp, or -1 if there is none. From version 7 on -3 is the record with the largest timestamp; from 8, 9 and 11 on -4 is the
 *   first offset on the broker's own disk, -5 and -6 what is in tiered storage: none. Other negative numbers have error 35 since 3.0,
 *   and are times before.
 * - From version 4 on epochs are checked and given (KIP-320): error 74 for one below the broker's, 75 for one above.
 * - The log's end is its high watermark for those who ask. A new leader that does not know it yet, since not all in sync have come to
 *   where it began, has OFFSET_NOT_AVAILABLE since 2.2, or LEADER_NOT_AVAILABLE up to version 4 (KIP-207).
 * - Only the leader answers; others have error 6. A partition that is asked for twice has INVALID_REQUEST, since version 1.
 */

import { KafkaError } from "../../base/errors.ts";
import { listOffsets } from "../../protocol/list_offsets.ts";
import type { Message } from "../../records/message.ts";
import type { RequestOut, ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import type { Log, Stored } from "../log.ts";
import type { Replica } from "../replica.ts";
import { openStored } from "../stored.ts";

type PartitionPart = RequestOut<typeof listOffsets>["topics"][number]["partitions"][number];
type PartitionAnswer = ResponseIn<typeof listOffsets>["topics"][number]["partitions"][number];
type Found = Pick<PartitionAnswer, "offset" | "timestamp" | "leaderEpoch">;

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;

/** From which version on a negative timestamp is known. */
const SINCE = new Map([[LATEST, 1], [EARLIEST, 1], [MAX_TIMESTAMP, 7], [EARLIEST_LOCAL, 8], [-5, 9], [-6, 11]]);

/** Answers ListOffsets. */
export const listOffsetsHandler: Handler = handler(listOffsets, answer);

async function answer(call: Call<typeof listOffsets>): Promise<Answer<typeof listOffsets>> {
  const { version, body } = call;
  const topics = [];
  for (const { name, partitions: wanted } of body.topics) {
    const partitions: PartitionAnswer[] = [];
    for (const part of wanted) {
      const isTwice = wanted.filter((other) => other.partitionIndex === part.partitionIndex).length > 1;
      partitions.push(
        isTwice && version > 0
          ? failed(part.partitionIndex, errorNumbers.INVALID_REQUEST)
          : await look(call, name, part),
      );
    }
    topics.push({ name, partitions });
  }
  return { topics };
}

async function look(
  { host, version }: Call<typeof listOffsets>,
  name: string,
  part: PartitionPart,
): Promise<PartitionAnswer> {
  const { partitionIndex, currentLeaderEpoch, timestamp, maxNumOffsets } = part;
  // Before 3.0 every number but -1 and -2 was a time.
  const isTime = timestamp >= 0 || (timestamp < EARLIEST && host.release.listed.get(listOffsets.key)![1] < 7);
  if (version > 0 && !isTime && version < (SINCE.get(timestamp) ?? Infinity)) {
    return failed(partitionIndex, errorNumbers.UNSUPPORTED_VERSION);
  }
  const { replicas } = host;
  const found = replicas.locate(replicas.picture.topics.get(name), partitionIndex, { epoch: currentLeaderEpoch });
  if (typeof found === "number") return failed(partitionIndex, found);
  if (version === 0) {
    const oldStyleOffsets = segmentOffsets(found.log, timestamp, host.world.wall()).slice(
      0,
      Math.max(0, maxNumOffsets),
    );
    return { partitionIndex, errorCode: errorNumbers.NONE, oldStyleOffsets };
  }
  const isUnsure = !found.knowsEnd && host.release.offsetNotAvailable && timestamp !== EARLIEST;
  const unsure = version >= 5 ? errorNumbers.OFFSET_NOT_AVAILABLE : errorNumbers.LEADER_NOT_AVAILABLE;
  if (isUnsure && timestamp === LATEST) return failed(partitionIndex, unsure);
  try {
    const { offset, timestamp: at, leaderEpoch } = isTime
      ? await firstSince(host, name, found, timestamp)
      : await special(host, name, found, timestamp);
    if (offset === -1 && isUnsure) return failed(partitionIndex, unsure);
    return {
      partitionIndex,
      errorCode: errorNumbers.NONE,
      offset,
      timestamp: at,
      ...(version >= 4 && { leaderEpoch }),
    };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return failed(partitionIndex, errorNumbers.UNSUPPORTED_COMPRESSION_TYPE);
  }
}

function failed(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode };
}

/** `ReplicaManager.legacyFetchOffsetsBefore` for a log of one segment. */
function segmentOffsets(
  { startOffset, highWatermark, modifiedAt, stored }: Log,
  timestamp: number,
  now: number,
): number[] {
  const marks = [{ offset: startOffset, time: modifiedAt }];
  if (stored.length > 0) marks.push({ offset: highWatermark, time: now });
  if (timestamp === EARLIEST) return [startOffset];
  return marks.filter(({ time }) => timestamp === LATEST || time <= timestamp).map(({ offset }) => offset).reverse();
}

const NOT_FOUND: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 };

async function special(host: Host, topic: string, partition: Replica, timestamp: number): Promise<Found> {
  const { log, leaderEpoch } = partition;
  if (timestamp === LATEST) return { offset: log.highWatermark, timestamp: -1, leaderEpoch };
  if (timestamp === EARLIEST || timestamp === EARLIEST_LOCAL) {
    return { offset: log.startOffset, timestamp: -1, leaderEpoch: log.at(log.startOffset)?.leaderEpoch ?? leaderEpoch };
  }
  if (timestamp !== MAX_TIMESTAMP) return NOT_FOUND;
  const latest = committed(log).reduce((max, { maxTimestamp }) => Math.max(max, maxTimestamp), -1);
  return latest < 0 ? NOT_FOUND : await firstSince(host, topic, partition, latest);
}

async function firstSince(host: Host, topic: string, { index, log }: Replica, timestamp: number): Promise<Found> {
  for (const stored of committed(log)) {
    const message = stored.maxTimestamp < timestamp
      ? undefined
      : await firstFrom(host, topic, index, stored, timestamp, log.startOffset);
    if (message) return { offset: message.offset, timestamp: message.timestamp, leaderEpoch: stored.leaderEpoch };
  }
  return NOT_FOUND;
}

function committed({ stored, highWatermark }: Log): Stored[] {
  return stored.filter(({ lastOffset }) => lastOffset < highWatermark);
}

async function firstFrom(
  host: Host,
  topic: string,
  partition: number,
  stored: Stored,
  timestamp: number,
  startOffset: number,
): Promise<Message | undefined> {
  const messages = await openStored(stored, { topic, partition }, host.codecs);
  return messages.find((message) => message.timestamp >= timestamp && message.offset >= startOffset);
}
