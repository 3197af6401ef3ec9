/**
 * Fetch, answered as brokers do.
 *
 * - It waits up to `maxWaitMs` for `minBytes`, but not where a partition has an error. Meanwhile the connection's next requests wait.
 * - Up to version 2 each partition has its limit and no more, so its bytes may end inside the first entry; on late releases there
 *   are none then. Since version 3 the response has a limit too, partitions are filled in the order of the request, and the first
 *   entry of the first partition that has any comes whole, whatever its size (KIP-74). In every version the last entry may be cut.
 * - Bytes begin with the batch that holds the offset, so records before it may come along.
 * - What is in a newer format than the version can have is converted: magic 0 for versions 0 and 1, magic 1 for 2 and 3, and since
 *   2.0 cut or filled up to the size that it had before. Headers are lost; on 0.11 they make the partition fail with -1. zstd cannot
 *   be converted: error 76.
 * - Sessions are declined: the answer's session id is always 0, and a request that goes on with one has error 70 (KIP-227).
 * - Only what is committed is given, below the high watermark; asking for what lies between it and the log's end is no error.
 * - Since 2.4 a follower answers from version 11 on, with what it has and knows to be committed (KIP-392). Else error 6; the new
 *   leader is named beside it, and beside 74, from version 16 on (KIP-951). What the broker does not know yet, it does not say.
 * - A leader epoch below the broker's has error 74, one above it 75 (KIP-320). From version 12 on the epoch of what was fetched last
 *   is compared, and `divergingEpoch` says where it ended if that is before the offset (KIP-595).
 * - Without transactions the last stable offset is the high watermark.
 * - Version 13 names topics by id; an unknown one has error 100.
 */

import { brokerErrors } from "../../base/error_codes.ts";
import { KafkaError } from "../../base/errors.ts";
import { fetch } from "../../protocol/fetch.ts";
import type { Origin } from "../../records/reading.ts";
import type { RequestOut, ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { endpoints, NO_ID, type TopicState } from "../picture.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import { downConvert, fetchMagic } from "../formats.ts";

type TopicPart = RequestOut<typeof fetch>["topics"][number];
type PartitionPart = TopicPart["partitions"][number];
type TopicAnswer = ResponseIn<typeof fetch>["responses"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

/** The most that a broker gives in one response (`fetch.max.bytes`). */
const RESPONSE_BYTES_MAX = 57_671_680;

/** Answers Fetch. */
export const fetchHandler: Handler = handler(fetch, answer);

/** What is left to give while partitions are read one after the other. */
interface Allowance {
  bytes: number;
  isFirst: boolean;
}

async function answer(call: Call<typeof fetch>): Promise<Answer<typeof fetch>> {
  const { host, body } = call;
  if (body.sessionEpoch > 0) return { errorCode: errorNumbers.FETCH_SESSION_ID_NOT_FOUND, responses: [] };
  const endsAt = host.world.now() + body.maxWaitMs;
  for (;;) {
    const allowance = { bytes: Math.min(body.maxBytes, RESPONSE_BYTES_MAX), isFirst: true };
    const responses = body.topics.map((part) => readTopic(call, part, allowance));
    const leftMs = endsAt - host.world.now();
    if (leftMs <= 0 || !host.running || isEnough(responses, body.minBytes)) return await finish(call, responses);
    await host.news(leftMs);
  }
}

function isEnough(responses: readonly TopicAnswer[], minBytes: number): boolean {
  let bytes = 0;
  for (const { partitions } of responses) {
    for (const { errorCode, divergingEpoch, records } of partitions) {
      if (errorCode !== 0 || divergingEpoch) return true;
      bytes += records?.length ?? 0;
    }
  }
  return bytes >= minBytes || responses.length === 0;
}

function readTopic(call: Call<typeof fetch>, part: TopicPart, allowance: Allowance): TopicAnswer {
  const { host: { replicas: { picture } }, version } = call;
  const topic = version >= 13 ? picture.byId.get(part.topicId) : picture.topics.get(part.topic);
  const partitions = part.partitions.map((wanted) => readPartition(call, topic, part, wanted, allowance));
  return { topic: part.topic, topicId: part.topicId, partitions };
}

function readPartition(
  { host, version, body }: Call<typeof fetch>,
  topic: TopicState | undefined,
  { topicId }: TopicPart,
  { partition: index, currentLeaderEpoch, lastFetchedEpoch, fetchOffset, partitionMaxBytes }: PartitionPart,
  allowance: Allowance,
): PartitionAnswer {
  const none = host.release.emptyAborted ? { abortedTransactions: [] } : {};
  if (!topic && topicId !== NO_ID) return { ...failed(index, errorNumbers.UNKNOWN_TOPIC_ID), ...none };
  if (!topic?.partitions[index]) return { ...failed(index, errorNumbers.UNKNOWN_TOPIC_OR_PARTITION), ...none };
  const follower = version >= 11 && host.release.followerFetch;
  const found = host.replicas.locate(topic, index, { epoch: currentLeaderEpoch, follower });
  if (typeof found === "number") return { ...failed(index, found), ...leaderHint(host, version, topic, index, found) };
  const { log } = found;
  if (fetchOffset < log.startOffset) return failed(index, errorNumbers.OFFSET_OUT_OF_RANGE);
  const abortedTransactions = body.isolationLevel === 1 ? [] : null;
  const { highWatermark, startOffset: logStartOffset } = log;
  const state = {
    partitionIndex: index,
    highWatermark,
    lastStableOffset: highWatermark,
    logStartOffset,
    abortedTransactions,
  };
  const end = lastFetchedEpoch < 0 ? undefined : log.endOfEpoch(lastFetchedEpoch);
  if (end && end.offset < 0) return failed(index, errorNumbers.OFFSET_OUT_OF_RANGE);
  if (end && (end.epoch < lastFetchedEpoch || end.offset < fetchOffset)) {
    const divergingEpoch = { epoch: end.epoch, endOffset: end.offset };
    const parted = { divergingEpoch, abortedTransactions: null, records: new Uint8Array(0) };
    return { ...state, errorCode: errorNumbers.NONE, ...parted };
  }
  if (fetchOffset > log.endOffset) return failed(index, errorNumbers.OFFSET_OUT_OF_RANGE);
  const isOld = version < 3;
  const records = log.read(fetchOffset, {
    bytes: isOld ? partitionMaxBytes : Math.min(partitionMaxBytes, allowance.bytes),
    wholeFirst: !isOld && allowance.isFirst,
    torn: isOld && host.release.givesTorn,
  });
  const room = Math.min(partitionMaxBytes, allowance.bytes);
  // Where the first entry does not fit, the answer is that of a partition that nobody has looked into.
  const isCut = records.length === 0 && room > 0 && (log.at(fetchOffset)?.lastOffset ?? Infinity) < log.highWatermark;
  if (records.length > 0) allowance.isFirst = false;
  allowance.bytes = Math.max(0, allowance.bytes - records.length);
  return { ...state, errorCode: errorNumbers.NONE, records, ...(isCut && { abortedTransactions: null }) };
}

function failed(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, highWatermark: -1, abortedTransactions: null, records: new Uint8Array(0) };
}

function leaderHint(host: Host, version: number, topic: TopicState | undefined, index: number, errorCode: number) {
  const partition = topic?.partitions[index];
  const hasMoved = errorCode === errorNumbers.NOT_LEADER_OR_FOLLOWER || errorCode === errorNumbers.FENCED_LEADER_EPOCH;
  if (version < 16 || !hasMoved || !partition || !host.release.leaderHints) return {};
  return { currentLeader: { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch } };
}

async function finish(
  { host, version, body }: Call<typeof fetch>,
  answers: readonly TopicAnswer[],
): Promise<Answer<typeof fetch>> {
  const responses: TopicAnswer[] = [];
  for (const [i, answer] of answers.entries()) {
    const partitions: PartitionAnswer[] = [];
    for (const [j, it] of answer.partitions.entries()) {
      const from = body.topics[i]!.partitions[j]!.fetchOffset;
      partitions.push(
        await inFormat(host, version, { topic: answer.topic ?? "", partition: it.partitionIndex }, from, it),
      );
    }
    responses.push({ ...answer, partitions });
  }
  const leaders = responses.flatMap(({ partitions }) => partitions.flatMap((it) => it.currentLeader?.leaderId ?? []));
  return { responses, ...(leaders.length > 0 && { nodeEndpoints: endpoints(host.replicas.picture, leaders) }) };
}

/** The records in a format that the version can have. */
async function inFormat(
  host: Host,
  version: number,
  origin: Origin,
  from: number,
  answer: PartitionAnswer,
): Promise<PartitionAnswer> {
  const { release } = host;
  const magic = fetchMagic(version);
  const { records, partitionIndex } = answer;
  if (magic === 2 || magic >= release.magic || !records?.length) return answer;
  try {
    const to = {
      magic,
      from,
      codecs: host.codecs,
      pads: release.padsConversion,
      headersBlock: release.headersBlockConversion,
    };
    const converted = await downConvert(records, origin, to);
    return { ...answer, records: converted };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return failed(partitionIndex, numberOf(error.code));
  }
}

function numberOf(code: string): number {
  for (const [number, error] of brokerErrors) if (error.code === code) return number;
  return errorNumbers.UNKNOWN_SERVER_ERROR;
}
