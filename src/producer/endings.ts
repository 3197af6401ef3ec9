/** What becomes of batches after a try: acknowledged, tried again, numbered anew, split, or failed; and who is told, in order. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { guarded } from "../base/listeners.ts";
import type { Telemetry } from "../base/telemetry.ts";
import type { World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type BackoffSettings, delayMs } from "../cluster/retry.ts";
import { isHarmless } from "../connection/again.ts";
import type { produce } from "../protocol/produce.ts";
import { renumbered } from "../records/builder.ts";
import type { Response } from "../wire/schema.ts";
import type { Accumulator, Batch, Outcome, PartitionQueue, Refused } from "./accumulator.ts";
import type { BatchReport } from "./call.ts";
import type { Identities } from "./identities.ts";
import { halves } from "./rewrite.ts";
import { type Failure, judge, leavesOpen } from "./verdict.ts";

/** What a partition's leader answered. */
export type PartitionAnswer = Response<typeof produce>["responses"][number]["partitionResponses"][number];

/** One try of a batch. */
export interface Try {
  readonly batch: Batch;
  /** Who was asked, `host:port`. */
  readonly broker: string | undefined;
  /** Under which epoch the leader led, as far as was known when it was asked; -1 if it was not. */
  readonly leaderEpoch: number;
  /** By which way it went; undefined if it was not sent. */
  readonly connection: unknown;
  /** Whether the leader knows the last five batches of a producer when they come again, and not only the very last. */
  readonly remembersFive: boolean;
}

/** What endings are brought about with. */
export interface EndingParts {
  readonly world: World;
  readonly cluster: Cluster;
  readonly accumulator: Accumulator;
  readonly telemetry: Telemetry;
  readonly identities: Identities;
  readonly backoff: BackoffSettings;
  /** Whether the user has asked for numbers, and would rather fail than do without. */
  readonly needsNumbers: boolean;
  /** A batch has its end: its room in the buffer is free again. */
  readonly roomMade: (bytes: number) => void;
  /** Is told of each batch's end. */
  readonly onBatch: ((report: BatchReport) => void) | undefined;
  /** Whether nothing is tried again any more. */
  readonly isOver: () => boolean;
}

/** How a batch says that it has no number. */
const NO_NUMBERS = { producerId: -1, epoch: -1, sequence: -1 } as const;

/** Brings batches to their ends. */
export class Endings {
  readonly #parts: EndingParts;

  /** Takes what it works with. */
  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** The leader has answered, or left the partition out of its answer. */
  answered(one: Try, answer: PartitionAnswer | undefined): void {
    const { batch: { topic, partition, stamp }, broker } = one;
    const context = { broker, topic, partition };
    if (!answer) {
      const detail = `${broker} left ${topic}/${partition} out of its answer to Produce`;
      return this.failed(one, new KafkaError("PROTOCOL_ERROR", detail, context));
    }
    const { errorCode, baseOffset, logAppendTimeMs, logStartOffset } = answer;
    if (errorCode === 0) return this.written(one, baseOffset, logAppendTimeMs);
    // It was written before, so long ago that the leader does not remember where.
    if (errorCode === errorNumbers.DUPLICATE_SEQUENCE_NUMBER && stamp) return this.written(one, -1, -1);
    // A leader that is deposed while it waits for its followers says so beside the offset: it has written the batch, and it may stay.
    const persisted = baseOffset >= 0 ? { persisted: "possibly" as const } : {};
    const error = KafkaError.ofBroker(errorCode, answer.errorMessage ?? "", { ...context, ...persisted });
    const { connection, leaderEpoch } = one;
    this.#judged(one, { error, errorCode, logStartOffset, connection, broker, leaderEpoch }, answer);
  }

  /** The try failed, and the leader has not said anything about the batch. */
  failed(one: Try, error: unknown): void {
    const { connection, broker, leaderEpoch } = one;
    const failure = { errorCode: undefined, logStartOffset: -1, connection, broker, leaderEpoch };
    this.#judged(one, { ...failure, error: asKafkaError(error) }, undefined);
  }

  /** The batch is in the log, or was written to a connection that nothing is answered on. */
  written({ batch, broker, remembersFive }: Try, baseOffset: number, logAppendTimeMs: number): void {
    const { accumulator, telemetry } = this.#parts;
    const { builder, tries, queue } = batch;
    if (remembersFive && batch.stamp) queue.numbering?.prove();
    accumulator.end(batch);
    // Whoever waited for a batch that came too late has been told.
    if (!batch.outcome) telemetry.batchSent(batch, broker ?? "", baseOffset);
    this.#conclude(batch, { baseOffset, logAppendTimeMs });
    // The bytes of a try that failed may still be on their way somewhere; those of the only one have arrived.
    if (tries > 1) return;
    batch.bytes = undefined;
    builder.release();
  }

  /** Nobody may wait for it any longer. What is on its way keeps its place until its request has ended: nothing may overtake it. */
  expired(batch: Batch): void {
    this.giveUp(batch, undelivered(batch));
  }

  /** The last word for a batch, whatever is under way. */
  giveUp(batch: Batch, error: KafkaError): void {
    const { topic, partition, ambiguous, state, queue, stamp } = batch;
    if (state === "waiting") {
      this.#parts.accumulator.end(batch);
      if (stamp) queue.numbering?.break();
    }
    const known = error.persisted === "no" ? "possibly" : error.persisted;
    const persisted = ambiguous || state === "underWay" ? known : "no";
    const failure = error.with({ topic, partition, persisted });
    this.#parts.telemetry.batchFailed(batch, failure.broker, failure);
    this.#conclude(batch, failure);
  }

  /** A batch whose time was over before its request was made. */
  dropped(batch: Batch): void {
    this.#parts.accumulator.end(batch);
    if (batch.stamp) batch.queue.numbering?.break();
    this.#conclude(batch, batch.outcome!);
  }

  /**
   * Numbers begin anew where they are broken, once the fate of every batch that has one is known: none of them is on its way, and none
   * may have been written. Until then what may have been written is asked about under its old number, and nothing else is sent.
   */
  renumber({ numbering, underWay, batches }: PartitionQueue): void {
    if (
      !numbering?.isBroken || underWay > 0 || batches.some(({ ambiguous, state }) => ambiguous && state !== "ended")
    ) {
      return;
    }
    for (const batch of batches) {
      // Only what has a number is of the format that has a place for it.
      if (numbering.isRefused && batch.stamp && batch.bytes) batch.bytes = renumbered(batch.bytes, NO_NUMBERS);
      batch.stamp = undefined;
    }
    const before = numbering.identity;
    numbering.renew();
    if (before && !numbering.identity) this.#parts.identities.discard(before.producerId);
  }

  #judged(one: Try, failure: Failure, answer: PartitionAnswer | undefined): void {
    const { accumulator, telemetry, identities } = this.#parts;
    const { batch } = one;
    const { queue, stamp, ambiguous, doubts, builder: { count } } = batch;
    const wasSent = batch.state === "underWay";
    const isOldest = queue.batches.find(({ state }) => state !== "ended") === batch;
    const isBroken = queue.numbering?.isBroken === true;
    const verdict = judge({ stamp, ambiguous, doubts, count, wasSent, isOldest, isBroken }, failure);
    batch.ambiguous = verdict.ambiguous;
    if (!verdict.ambiguous) batch.doubts = [];
    else if (leavesOpen(failure, wasSent)) doubt(batch, one);
    batch.lastError = failure.error;
    queue.numbering?.doubt();
    // Whoever waited has been told already, or nothing is tried any more: its number is lost.
    const isOver = batch.outcome !== undefined || this.#parts.isOver();
    if (isOver || verdict.next === "fail" || (verdict.next === "plain" && this.#parts.needsNumbers)) {
      accumulator.end(batch);
      if (stamp) queue.numbering?.break();
      this.#conclude(batch, this.#failureOf(batch, failure.error, answer));
      return;
    }
    if (verdict.next === "split") {
      telemetry.batchSplit();
      return accumulator.split(batch, halves(batch));
    }
    if (verdict.next === "renumber") queue.numbering?.break();
    if (verdict.next === "plain") queue.numbering?.refuse();
    if (verdict.next === "forget") {
      if (stamp) identities.discard(stamp.producerId);
      queue.numbering?.forget();
    }
    this.#again(one, failure, !isOldest && failure.errorCode === errorNumbers.OUT_OF_ORDER_SEQUENCE_NUMBER, answer);
  }

  /** Later again. `inTurn`: it was refused only because one before it was; that one waits, and this one behind it. */
  #again({ batch }: Try, { error }: Failure, inTurn: boolean, answer: PartitionAnswer | undefined): void {
    const { accumulator, cluster, world, telemetry, backoff } = this.#parts;
    const isNobodysFault = inTurn || isHarmless(error);
    const knowsLeader = answer !== undefined && this.#hasMoved(batch, answer);
    const ms = isNobodysFault || knowsLeader ? 0 : delayMs(world, backoff, batch.failures + 1);
    telemetry.batchRetried(batch, error.broker, error, ms);
    if (!isNobodysFault) {
      if (!knowsLeader) cluster.lookAgain(error);
      batch.failures++;
    }
    batch.retryAt = world.now() + ms;
    accumulator.putBack(batch);
  }

  /** Whether the leader that was, named the one that is (KIP-951), and that was news. */
  #hasMoved({ topic, partition, queue }: Batch, { currentLeader }: PartitionAnswer): boolean {
    const { leaderId, leaderEpoch } = currentLeader;
    if (leaderId < 0 || leaderId === queue.leader) return false;
    return this.#parts.cluster.leaderMoved(topic, partition, leaderId, leaderEpoch);
  }

  #failureOf(batch: Batch, error: KafkaError, answer: PartitionAnswer | undefined): Outcome {
    const { topic, partition, ambiguous } = batch;
    const known = error.persisted === "no" ? "possibly" : error.persisted;
    const failure = error.with({ topic, partition, persisted: ambiguous ? known : "no" });
    if (!batch.outcome) this.#parts.telemetry.batchFailed(batch, failure.broker, failure);
    return answer && answer.recordErrors.length > 0 && !ambiguous ? refused(failure, answer) : failure;
  }

  /** What became of a batch is told when all that was given before it to its partition has been told. */
  #conclude(batch: Batch, outcome: Outcome): void {
    batch.outcome ??= outcome;
    for (const one of batch.queue.batches) {
      if (one.told) continue;
      if (!one.outcome) break;
      one.told = true;
      tell(one, one.outcome);
      if (this.#parts.onBatch) guarded(this.#parts.onBatch, reportOf(one, one.outcome));
    }
    const bytes = this.#parts.accumulator.leave(batch.queue);
    if (bytes > 0) this.#parts.roomMade(bytes);
  }
}

/** One for each connection: what went by it later has the newer epoch, if any. */
function doubt({ doubts }: Batch, { connection, broker, leaderEpoch }: Try): void {
  const known = doubts.findIndex((one) => one.connection === connection);
  if (known >= 0) doubts[known] = { connection, broker, leaderEpoch };
  else doubts.push({ connection, broker, leaderEpoch });
}

function reportOf({ topic, partition, builder: { count, size: bytes }, tries }: Batch, outcome: Outcome): BatchReport {
  const error = outcome instanceof KafkaError ? outcome : "error" in outcome ? outcome.error : undefined;
  return {
    topic,
    partition,
    count,
    bytes,
    baseOffset: "baseOffset" in outcome ? outcome.baseOffset : -1,
    tries,
    error,
  };
}

function tell({ topic, partition, parts }: Batch, outcome: Outcome): void {
  if (outcome instanceof KafkaError) {
    for (const part of parts) part.failed(outcome);
    return;
  }
  let place = 0;
  for (const part of parts) {
    if ("errors" in outcome) {
      const from = place;
      part.failedEach((i) => outcome.errors.get(from + i) ?? outcome.rest);
    } else {
      const { baseOffset, logAppendTimeMs } = outcome;
      part.succeeded(topic, partition, baseOffset < 0 ? -1 : baseOffset + place, logAppendTimeMs);
    }
    place += part.count;
  }
}

/** The records that a broker names have their own errors; the others only stood beside them, and may be sent again (KIP-467). */
function refused(failure: KafkaError, { errorCode, recordErrors, errorMessage }: PartitionAnswer): Refused {
  const { topic, partition, broker } = failure;
  const context = { topic, partition, broker };
  const errors = new Map<number, KafkaError>();
  for (const { batchIndex, batchIndexErrorMessage } of recordErrors) {
    errors.set(batchIndex, KafkaError.ofBroker(errorCode, batchIndexErrorMessage ?? errorMessage ?? "", context));
  }
  const detail = "another message of its batch was refused, and none of the batch was written";
  return { error: failure, errors, rest: new KafkaError("BATCH_REFUSED", detail, { ...context, cause: failure }) };
}

function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const detail = `The batch could not be sent: ${error instanceof Error ? error.message : String(error)}`;
  return new KafkaError("PROTOCOL_ERROR", detail, { cause: error });
}

function undelivered({ topic, partition, createdAt, deadline, lastError }: Batch): KafkaError {
  const detail = `${topic}/${partition} did not acknowledge within ${Math.round(deadline - createdAt)} ms`;
  const why = lastError ? `, last because of ${lastError.message}` : "";
  return new KafkaError("DELIVERY_TIMEOUT", detail + why, { topic, partition, cause: lastError });
}
