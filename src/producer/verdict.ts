/** What is to be done with a batch after a try that did not go well. Pure: it knows the rules, and nothing else. */

import { errorNumbers } from "../base/error_codes.ts";
import type { KafkaError } from "../base/errors.ts";
import type { Batch } from "./accumulator.ts";

/** How a try ended. */
export interface Failure {
  readonly error: KafkaError;
  /** What the leader itself said; undefined if it said nothing. */
  readonly errorCode: number | undefined;
  /** Where the leader's log begins; -1 if it did not say. */
  readonly logStartOffset: number;
  /** By which way the try went, and to whom. */
  readonly connection: unknown;
  readonly broker: string | undefined;
  /** Under which epoch the leader led, as far as is known; -1 if it is not. */
  readonly leaderEpoch: number;
}

/** What is known of a batch now, and what follows. */
export interface Verdict {
  /**
   * Sent `again` as it is; `renumber`ed with all that follow, since its number will never be taken (`forget`: nor anything of this
   * producer id; `plain`: from now on without numbers, for which the topic has no place); `split`, since it is too large; or `fail`ed.
   */
  readonly next: "again" | "renumber" | "forget" | "plain" | "split" | "fail";
  /** Whether it is not known any more, or still not, if its records were written. */
  readonly ambiguous: boolean;
}

/** What it depends on: the batch as it was before this failure is counted. */
export type Judged =
  & Pick<Batch, "stamp" | "ambiguous" | "doubts">
  & Pick<Batch["builder"], "count">
  & {
    /** Whether it was handed to a connection. */
    readonly wasSent: boolean;
    /** Whether everything before it in its partition is in the log. */
    readonly isOldest: boolean;
    /** Whether a number before its own will never be taken. */
    readonly isBroken: boolean;
  };

/** Judges a failure, by the rules of Java's `TransactionManager.canRetry` where they do not write twice. */
export function judge(batch: Judged, failure: Failure): Verdict {
  const { errorCode, error } = failure;
  if (errorCode !== undefined && batch.stamp) {
    switch (errorCode) {
      case errorNumbers.OUT_OF_ORDER_SEQUENCE_NUMBER:
        return outOfOrder(batch, failure);
      case errorNumbers.UNKNOWN_PRODUCER_ID:
        return unknownProducer(batch, failure);
      case errorNumbers.INVALID_PRODUCER_EPOCH:
      case errorNumbers.PRODUCER_FENCED:
        // Somebody has our id. Where the fate of an earlier try is not known, it can not be found out any more.
        return batch.ambiguous ? { next: "fail", ambiguous: true } : { next: "forget", ambiguous: false };
      case errorNumbers.UNSUPPORTED_FOR_MESSAGE_FORMAT:
        // `log.message.format.version` is below 0.11: in the midst of an upgrade, say.
        return batch.ambiguous ? { next: "fail", ambiguous: true } : { next: "plain", ambiguous: false };
    }
  }
  const ambiguous = batch.ambiguous || leavesOpen(failure, batch.wasSent);
  // If an earlier try was written after all, the halves would be written besides.
  if (errorCode === errorNumbers.MESSAGE_TOO_LARGE && batch.count > 1 && !ambiguous) {
    return { next: "split", ambiguous };
  }
  return { next: error.retriable ? "again" : "fail", ambiguous };
}

/** Whether nobody knows if the records were written: an answer says it, anything else that happens to what was sent does not. */
export function leavesOpen({ errorCode, error }: Failure, wasSent: boolean): boolean {
  return errorCode === undefined ? wasSent : error.persisted !== "no";
}

/**
 * The leader does not have what should come before: this try has written nothing. Nor will an earlier one whose end is not known, if
 * it went by the same connection, since it has arrived before this one; or to another broker that led before, since that has been
 * deposed. But by another connection to this broker, though it may have lost and regained its place meanwhile, it may still be under
 * way, held up by a slow network or a broker that sleeps; then it may be written yet, until another epoch of the producer is there,
 * and so the batch is not to have another number.
 */
function outOfOrder(batch: Judged, { connection, broker, leaderEpoch }: Failure): Verdict {
  const isSure = batch.doubts.every((doubt) =>
    doubt.connection === connection ||
    (doubt.broker !== broker && doubt.leaderEpoch >= 0 && leaderEpoch > doubt.leaderEpoch)
  );
  if (!isSure) return { next: "again", ambiguous: true };
  // Behind one that is tried again it is only its turn that has not come.
  return { next: batch.isOldest || batch.isBroken ? "renumber" : "again", ambiguous: false };
}

/**
 * The leader has nothing of this producer any more (brokers before 2.5, KIP-360): retention took it, most often. A leader that does
 * not say where its log begins has lost its place meanwhile (`TransactionManager.canRetry`), so somebody else has to be asked.
 */
function unknownProducer(batch: Judged, { logStartOffset }: Failure): Verdict {
  if (logStartOffset < 0) return { next: "again", ambiguous: batch.ambiguous };
  // It may have been written and deleted since, or never: nobody can tell.
  if (batch.ambiguous) return { next: "fail", ambiguous: true };
  return { next: batch.isOldest || batch.isBroken ? "renumber" : "again", ambiguous: false };
}
