/**
 * Produce, answered as leaders do.
 *
 * - `acks` is -1, 0 or 1, else every partition has error 21; 0.8 took any number. With 0 nothing is answered, and an error ends the
 *   connection, which is all that the client learns of it.
 * - Versions 0 and 1 carry message sets of magic 0, version 2 of magic 0 or 1, but brokers believe the magic byte instead, up to the
 *   log's own, and drop what is torn at the end (PyKafka sends magic 1 in version 0); a strict one refuses both. Later versions carry
 *   exactly one batch of magic 2: from 0.11 to 2.0 another request fails when it is read, so the connection ends; since 2.1 the
 *   partition has an error.
 * - What is not in the log's format (magic 0 before 0.10, 1 before 0.11, 2 since) is written anew in it; in the middle of an upgrade
 *   the format is the oldest broker's. One before 0.11 has no place for headers (error -1) nor for producers (43; both as with
 *   `message.format.version=0.10.2` on 0.11.0.3 and 2.8.2), and zstd waits for the last broker of 2.0 (76).
 * - zstd is refused before version 7 (KIP-110), and as unknown before release 2.1.
 * - A batch over `max.message.bytes` has error 10, a wrong checksum 2, other faults 87, or 2 before 2.4. Since 4.0 a timestamp may
 *   lie an hour ahead (KIP-937).
 * - Version 13 names topics by id; an unknown one has error 100. From version 10 on the new leader is named beside error 6 (KIP-951).
 * - With -1 it is answered when all replicas in sync have it. Fewer of them than `min.insync.replicas` are error 19, or 20 once it is
 *   appended; 7 is told after `timeoutMs`, 6 if the leader has changed meanwhile: then it may be there or not.
 * - A batch of a transaction without a transactional id has error 53.
 * - A batch that a producer has numbered is taken once, and in order (`ProducerState`), after all other checks: one of its last five
 *   (before 1.0: its last) is answered with the offsets that it has, and with its largest timestamp as `logAppendTimeMs`, whatever the
 *   topic keeps; a gap has error 45, an older epoch 47. A producer that is not known begins with sequence 0, or has error 59 (45 in
 *   0.11); since 2.5 it begins with any (KIP-360). All this was seen on 0.11.0.3 to 4.4.0; none answers error 46.
 * - A topic that is compacted takes no record without key: error 87, or 2 before 2.4. From version 8 on `recordErrors` names the
 *   records, 2.4 only the first (KIP-467), as it does for timestamps.
 * - With `message.timestamp.type=LogAppendTime` the leader's time goes over the batch's, and is told as `logAppendTimeMs`.
 */

import { produce } from "../../protocol/produce.ts";
import type { RequestOut, ResponseIn } from "../../wire/schema.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { acknowledged, type Appended } from "../acknowledgement.ts";
import { endpoints, NO_ID, type TopicState } from "../picture.ts";
import type { Replica } from "../replica.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import { producerHead } from "../producer_state.ts";
import type { Release } from "../releases.ts";
import { checkShape, type Intake, type IntakeRules, type Refusal, requestFault, takeIn } from "../intake.ts";

type TopicPart = RequestOut<typeof produce>["topicData"][number];
type PartitionPart = TopicPart["partitionData"][number];
type PartitionAnswer = ResponseIn<typeof produce>["responses"][number]["partitionResponses"][number];

/** Where a record batch says its format, and what it is. */
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 22;
const TRANSACTIONAL = 16;

/** Answers Produce. */
export const produceHandler: Handler = handler(produce, answer);

async function answer(call: Call<typeof produce>): Promise<Answer<typeof produce>> {
  const { host, body, version } = call;
  const { release } = host;
  if (version >= 3 && release.parsesRecords && hasUnreadable(body, rulesOf(call, undefined))) return "close";
  const isBarred = body.transactionalId === null && version >= 3 && hasTransaction(body);
  const responses = [];
  const appended: Appended[] = [];
  const { picture } = host.replicas;
  for (const part of body.topicData) {
    const topic = version >= 13 ? picture.byId.get(part.topicId) : picture.topics.get(part.name);
    const partitionResponses: PartitionAnswer[] = [];
    for (const data of part.partitionData) {
      partitionResponses.push(
        isBarred
          ? failed(data.index, errorNumbers.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
          : await append(call, topic, part, data, appended),
      );
    }
    responses.push({ name: part.name, topicId: part.topicId, partitionResponses });
  }
  if (body.acks === 0) {
    const isFine = responses.every(({ partitionResponses }) => partitionResponses.every((it) => it.errorCode === 0));
    return isFine ? "drop" : "close";
  }
  if (body.acks === -1) await acknowledged(host, appended, body.timeoutMs);
  const moved = responses.flatMap(({ partitionResponses }) =>
    partitionResponses.flatMap((it) => it.currentLeader?.leaderId ?? [])
  );
  return { responses, ...(moved.length > 0 && { nodeEndpoints: endpoints(host.replicas.picture, moved) }) };
}

async function append(
  call: Call<typeof produce>,
  topic: TopicState | undefined,
  part: TopicPart,
  { index, records }: PartitionPart,
  appended: Appended[],
): Promise<PartitionAnswer> {
  const { host, body: { acks } } = call;
  if (!topic && part.topicId !== NO_ID) return failed(index, errorNumbers.UNKNOWN_TOPIC_ID);
  if (host.release.placeFirst && !topic?.partitions[index]) {
    return failed(index, errorNumbers.UNKNOWN_TOPIC_OR_PARTITION);
  }
  const fault = host.release.parsesRecords ? undefined : requestFault(records, rulesOf(call, topic));
  if (fault) return failed(index, fault.errorCode, fault.errorMessage);
  if (!host.release.anyAcks && (acks < -1 || acks > 1)) return failed(index, errorNumbers.INVALID_REQUIRED_ACKS);
  const found = host.replicas.locate(topic, index);
  if (typeof found === "number") return { ...failed(index, found), ...leaderHint(call, topic, index, found) };
  const { startOffset } = found.log;
  if (acks === -1 && found.isr.length < inSyncMin(topic!, found, host.release)) {
    return { ...failed(index, errorNumbers.NOT_ENOUGH_REPLICAS), logStartOffset: startOffset };
  }
  const rules = rulesOf(call, topic);
  const intake = await takeIn(records, { topic: topic!.name, partition: index }, rules);
  if (isRefusal(intake)) return refused(index, intake, startOffset);
  const stored = await store(host, topic!, found, intake, rules);
  if (isRefusal(stored)) {
    if (stored.errorCode === errorNumbers.UNKNOWN_PRODUCER_ID && records) {
      host.referee?.unknown(topic!.id, index, records);
    }
    return refused(index, stored, startOffset);
  }
  if (records) host.referee?.stored(topic!.id, index, records);
  // Only 0.8 gets so far with more acks than there are replicas: they never come. It says so after the timeout, here at once.
  const errorCode = acks > found.isr.length ? errorNumbers.REQUEST_TIMED_OUT : errorNumbers.NONE;
  const answer: PartitionAnswer & { errorCode: number } = {
    index,
    errorCode,
    baseOffset: stored.baseOffset,
    logAppendTimeMs: stored.appendTime,
    logStartOffset: startOffset,
  };
  appended.push({
    ...{ replica: found, leaderEpoch: found.leaderEpoch, endOffset: stored.baseOffset + intake.count },
    inSyncMin: inSyncMin(topic!, found, host.release),
    failed: (errorCode) => answer.errorCode = errorCode,
  });
  return answer;
}

/** Where records lie, now or since an earlier request. */
interface Placed {
  /** The first offset. */
  readonly baseOffset: number;
  /** What is told as the time of the append; -1 where the producer's times are kept. */
  readonly appendTime: number;
}

/** Appends. A compressed set of magic 0 holds its offsets, so it is written for where the log ends, and again if that has moved. */
async function store(
  host: Host,
  topic: TopicState,
  partition: Replica,
  { count, maxTimestamp, bytes }: Intake,
  { bytesMax, appendTime = -1 }: IntakeRules,
): Promise<Placed | Refusal> {
  const { log } = partition;
  if (count === 0) return { baseOffset: -1, appendTime: -1 };
  for (;;) {
    const baseOffset = log.endOffset;
    const made = bytes(baseOffset);
    const chunk = made instanceof Uint8Array ? made : await made;
    if (log.endOffset !== baseOffset) continue;
    if (chunk.length > bytesMax && (chunk[MAGIC_AT] === 2 || count === 1)) {
      const errorMessage = `The converted record has ${chunk.length} bytes`;
      return { errorCode: errorNumbers.MESSAGE_TOO_LARGE, errorMessage, byLog: true };
    }
    const lost = host.replicas.locate(host.replicas.picture.topics.get(topic.name), partition.index);
    if (lost !== partition) {
      return {
        errorCode: typeof lost === "number" ? lost : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: "The leader has moved",
        byLog: true,
      };
    }
    const known = judge(host, partition, chunk);
    if (known) return known;
    log.append(chunk, count, maxTimestamp, partition.leaderEpoch, host.world.wall());
    return { baseOffset, appendTime };
  }
}

/** What the partition remembers of the batch or its producer: its place if it is there already, or why it may not come; else nothing. */
function judge(host: Host, { log }: Replica, chunk: Uint8Array): Placed | Refusal | undefined {
  const head = producerHead(chunk);
  if (!head) return undefined;
  const moment = { startOffset: log.startOffset, wall: host.world.wall() };
  const verdict = log.producers.check(head, host.producerRules, moment);
  if (verdict === undefined) return undefined;
  if (typeof verdict === "number") return { errorCode: verdict, errorMessage: null, byLog: true };
  return { baseOffset: verdict.baseOffset, appendTime: verdict.maxTimestamp };
}

function rulesOf({ host, version }: Call<typeof produce>, topic: TopicState | undefined): IntakeRules {
  const { release } = host;
  const isStamped = topic?.configs.get("message.timestamp.type") === "LogAppendTime" && host.controller.floor.magic > 0;
  const cleanup = topic?.configs.get("cleanup.policy") ?? "delete";
  const ahead = Number(topic?.configs.get("message.timestamp.after.max.ms") ?? release.futureMsMax);
  return {
    release,
    floor: host.controller.floor,
    version,
    codecs: host.codecs,
    bytesMax: Number(topic?.configs.get("max.message.bytes") ?? release.messageBytesMax),
    timestampMax: host.world.wall() + ahead,
    appendTime: isStamped ? host.world.wall() : undefined,
    keysNeeded: cleanup.split(",").some((policy) => policy.trim() === "compact"),
    strict: host.referee !== undefined,
  };
}

function hasUnreadable(body: RequestOut<typeof produce>, rules: IntakeRules): boolean {
  return body.topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) =>
      checkShape(records ?? new Uint8Array(0), { ...rules, bytesMax: Infinity }) !== undefined
    )
  );
}

/** How many replicas have to be in sync; since 3.7 no more than there are. */
function inSyncMin({ configs }: TopicState, { replicas }: Replica, { leaderHints }: Release): number {
  const wanted = Number(configs.get("min.insync.replicas") ?? 1);
  return leaderHints ? Math.min(wanted, replicas.length) : wanted;
}

/** Whether a batch says that it belongs to a transaction. */
function hasTransaction(body: RequestOut<typeof produce>): boolean {
  return body.topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) => records?.[MAGIC_AT] === 2 && (records[ATTRIBUTES_AT]! & TRANSACTIONAL) !== 0)
  );
}

function isRefusal(intake: Intake | Placed | Refusal): intake is Refusal {
  return "errorCode" in intake;
}

function refused(index: number, refusal: Refusal, startOffset: number): PartitionAnswer {
  const { errorCode, errorMessage, byLog, recordErrors } = refusal;
  return {
    ...failed(index, errorCode, errorMessage),
    logStartOffset: byLog ? startOffset : -1,
    ...(recordErrors && { recordErrors }),
  };
}

function failed(index: number, errorCode: number, errorMessage: string | null = null): PartitionAnswer {
  return { index, errorCode, baseOffset: -1, errorMessage };
}

function leaderHint(
  { host, version }: Call<typeof produce>,
  topic: TopicState | undefined,
  index: number,
  errorCode: number,
) {
  const partition = topic?.partitions[index];
  if (
    version < 10 || errorCode !== errorNumbers.NOT_LEADER_OR_FOLLOWER || !partition ||
    !host.release.leaderHints
  ) {
    return {};
  }
  return { currentLeader: { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch } };
}
