/** Requests in flight: order, ids, orphans, deadlines, and when silence is death. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { type InFlight, Pipeline } from "../../../src/connection/pipeline.ts";
import { test } from "../../harness.ts";

function inFlight(correlationId: number, sentAt = 0, timeoutMs = 100): InFlight {
  const none = () => {};
  const deadline = sentAt + timeoutMs;
  return {
    correlationId,
    what: `R${correlationId}`,
    sentAt,
    timeoutMs,
    deadline,
    orphaned: false,
    answered: none,
    failed: none,
  };
}

function protocolError(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.equal((error as KafkaError).code, "PROTOCOL_ERROR");
    return (error as KafkaError).message;
  }
  throw new Error("It was expected to throw");
}

test("correlation ids start again at 0 after 2^31 - 1", () => {
  const pipeline = new Pipeline(2 ** 31 - 2);
  assert.deepEqual([pipeline.nextId(), pipeline.nextId(), pipeline.nextId(), pipeline.nextId()], [
    2 ** 31 - 2,
    2 ** 31 - 1,
    0,
    1,
  ]);
});

test("answers belong to requests in the order of sending", () => {
  const pipeline = new Pipeline(0);
  const requests = [0, 1, 2].map((id) => inFlight(id));
  for (const request of requests) pipeline.sent(request);
  assert.equal(pipeline.size, 3);
  for (const request of requests) assert.equal(pipeline.answer(request.correlationId), request);
  assert.equal(pipeline.size, 0);
});

test("an answer that is not the next one is refused, and so is one that nobody asked for", () => {
  const pipeline = new Pipeline(0);
  assert.include(protocolError(() => pipeline.answer(5)), "5 came unasked");
  pipeline.sent(inFlight(0));
  pipeline.sent(inFlight(1));
  assert.include(protocolError(() => pipeline.answer(1)), "1 came where R0 (0) was due");
});

test("who has waited long enough is told once, and the place stays", () => {
  const pipeline = new Pipeline(0);
  const [first, second, third] = [inFlight(0, 0, 10), inFlight(1, 0, 20), inFlight(2, 0, 5)] as const;
  for (const request of [first, second, third]) pipeline.sent(request);
  assert.equal(pipeline.nextDeadline(), 5);
  third.orphaned = true; // its caller has gone
  assert.deepEqual(pipeline.expire(4), []);
  assert.deepEqual(pipeline.expire(10), [first]);
  assert.isTrue(first.orphaned);
  assert.deepEqual(pipeline.expire(15), []);
  assert.equal(pipeline.nextDeadline(), 20);
  assert.equal(pipeline.size, 3);
  assert.equal(pipeline.answer(0), first);
  assert.deepEqual(pipeline.drain(), [second]);
  assert.equal(pipeline.size, 0);
  assert.equal(pipeline.nextDeadline(), Infinity);
});

test("silence is death after the longest time that anyone in the pipeline was given", () => {
  const pipeline = new Pipeline(0);
  assert.equal(pipeline.patience(0), Infinity);
  pipeline.sent(inFlight(0, 10, 5));
  assert.equal(pipeline.patience(0), 15);
  pipeline.sent(inFlight(1, 12, 100));
  assert.equal(pipeline.patience(0), 110);
  assert.equal(pipeline.patience(50), 150, "it was heard at 50");
  pipeline.answer(0);
  assert.equal(pipeline.patience(0), 112);
});
