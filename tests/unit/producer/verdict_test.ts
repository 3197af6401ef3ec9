/** What follows from a failed try, case by case. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import type { Doubt } from "../../../src/producer/accumulator.ts";
import { type Failure, judge, type Judged, type Verdict } from "../../../src/producer/verdict.ts";
import { test } from "../../harness.ts";

const STAMP = { producerId: 7, epoch: 0, sequence: 12 };
/** The connection of the try that is judged. */
const HERE = {};
const OUT_OF_ORDER = errorNumbers.OUT_OF_ORDER_SEQUENCE_NUMBER;
const UNKNOWN_PRODUCER = errorNumbers.UNKNOWN_PRODUCER_ID;

/** A numbered batch of three records that was sent once, the oldest of its partition. */
function batch(more: Partial<Judged> = {}): Judged {
  return {
    ...{ stamp: STAMP, ambiguous: false, doubts: [], count: 3 },
    ...{ wasSent: true, isOldest: true, isBroken: false },
    ...more,
  };
}

function answered(errorCode: number, more: Partial<Pick<Failure, "logStartOffset" | "leaderEpoch">> = {}): Failure {
  return {
    error: KafkaError.ofBroker(errorCode, ""),
    errorCode,
    logStartOffset: -1,
    connection: HERE,
    broker: "b1",
    leaderEpoch: 3,
    ...more,
  };
}

function unanswered(error: KafkaError): Failure {
  return { error, errorCode: undefined, logStartOffset: -1, connection: HERE, broker: "b1", leaderEpoch: 3 };
}

function check(what: string, judged: Judged, failure: Failure, next: Verdict["next"], ambiguous: boolean): void {
  assert.deepEqual(judge(judged, failure), { next, ambiguous }, what);
}

test("what may heal is sent again as it is; whether it may have been written depends on how the try ended", () => {
  check("refused", batch(), answered(errorNumbers.NOT_LEADER_OR_FOLLOWER), "again", false);
  check("too few replicas", batch(), answered(errorNumbers.NOT_ENOUGH_REPLICAS), "again", false);
  check("after append", batch(), answered(errorNumbers.NOT_ENOUGH_REPLICAS_AFTER_APPEND), "again", true);
  check("replicas too slow", batch(), answered(errorNumbers.REQUEST_TIMED_OUT), "again", true);
  check("corrupt on its way", batch(), answered(errorNumbers.CORRUPT_MESSAGE), "again", false);
  check("no answer", batch(), unanswered(new KafkaError("REQUEST_TIMEOUT", "")), "again", true);
  check("broken", batch(), unanswered(new KafkaError("CONNECTION_RESET", "")), "again", true);
  check("never sent", batch({ wasSent: false }), unanswered(new KafkaError("CONNECTION_RESET", "")), "again", false);
  check(
    "once may be, always may be",
    batch({ ambiguous: true }),
    answered(errorNumbers.NOT_LEADER_OR_FOLLOWER),
    "again",
    true,
  );
});

test("what does not heal fails", () => {
  check("not allowed", batch(), answered(29), "fail", false);
  check("not allowed, written before perhaps", batch({ ambiguous: true }), answered(29), "fail", true);
  check("no answer that is one", batch(), unanswered(new KafkaError("PROTOCOL_ERROR", "")), "fail", true);
  check("an error nobody knows", batch(), answered(4711), "fail", true);
});

test("what is too large is split, if it is more than one record and was not written by an earlier try", () => {
  const tooLarge = answered(errorNumbers.MESSAGE_TOO_LARGE);
  check("three records", batch(), tooLarge, "split", false);
  check("without numbers", batch({ stamp: undefined }), tooLarge, "split", false);
  check("one record", batch({ count: 1 }), tooLarge, "fail", false);
  check("written before perhaps", batch({ ambiguous: true }), tooLarge, "fail", true);
});

test("a gap behind a batch that is tried again is its turn to come; in front of it, numbers begin anew", () => {
  check("not its turn", batch({ isOldest: false }), answered(OUT_OF_ORDER), "again", false);
  check("a real gap", batch(), answered(OUT_OF_ORDER), "renumber", false);
  check("a gap that is known", batch({ isOldest: false, isBroken: true }), answered(OUT_OF_ORDER), "renumber", false);
  check("not numbered", batch({ stamp: undefined }), answered(OUT_OF_ORDER), "fail", false);
});

test("a gap tells that nothing was written only if no earlier try may still arrive", () => {
  const tried = (...doubts: Doubt[]) => batch({ ambiguous: true, doubts });
  const here = { connection: HERE, broker: "b1", leaderEpoch: -1 };
  const elsewhere = (leaderEpoch: number, broker = "b2") => ({ connection: {}, broker, leaderEpoch });
  check("by the same way", tried(here), answered(OUT_OF_ORDER), "renumber", false);
  check("the same leader by another way", tried(elsewhere(3, "b1")), answered(OUT_OF_ORDER), "again", true);
  check("one that regained its place", tried(elsewhere(2, "b1")), answered(OUT_OF_ORDER), "again", true);
  check("a deposed leader", tried(elsewhere(2)), answered(OUT_OF_ORDER), "renumber", false);
  check("a later leader", tried(elsewhere(4)), answered(OUT_OF_ORDER), "again", true);
  check("nobody knows who had it", tried(elsewhere(-1)), answered(OUT_OF_ORDER), "again", true);
  check("nobody knows who this is", tried(elsewhere(2)), answered(OUT_OF_ORDER, { leaderEpoch: -1 }), "again", true);
  check("both", tried(here, elsewhere(2)), answered(OUT_OF_ORDER), "renumber", false);
  check("one of two", tried(here, elsewhere(3)), answered(OUT_OF_ORDER), "again", true);
});

test("a producer that is not known begins anew, but never with what may have been written", () => {
  check("its place is lost", batch(), answered(UNKNOWN_PRODUCER), "again", false);
  check("retention", batch(), answered(UNKNOWN_PRODUCER, { logStartOffset: 50 }), "renumber", false);
  check("from the start", batch(), answered(UNKNOWN_PRODUCER, { logStartOffset: 0 }), "renumber", false);
  check(
    "behind the first",
    batch({ isOldest: false }),
    answered(UNKNOWN_PRODUCER, { logStartOffset: 50 }),
    "again",
    false,
  );
  check("no fate", batch({ ambiguous: true }), answered(UNKNOWN_PRODUCER, { logStartOffset: 50 }), "fail", true);
  check("no place, no fate", batch({ ambiguous: true }), answered(UNKNOWN_PRODUCER), "again", true);
});

test("an epoch that is too old is forgotten with its id, but never with what may have been written", () => {
  for (const code of [errorNumbers.INVALID_PRODUCER_EPOCH, errorNumbers.PRODUCER_FENCED]) {
    check("nothing written", batch(), answered(code), "forget", false);
    check("no fate", batch({ ambiguous: true }), answered(code), "fail", true);
  }
});
