/** Errors: what they carry, how more is learnt about one, and the two tables against themselves. */

import { assert } from "chai";
import { brokerError, brokerErrors, errorNumbers } from "../../../src/base/error_codes.ts";
import { KafkaError, ownErrors } from "../../../src/base/errors.ts";
import { test } from "../../harness.ts";

test("an error says what it is, where it happened and what it came from", () => {
  const cause = new Error("why");
  const error = new KafkaError("REQUEST_TIMEOUT", "b:1 did not answer", { broker: "b:1", partition: 0, cause });
  assert.equal(error.message, "REQUEST_TIMEOUT: b:1 did not answer");
  assert.equal(error.name, "KafkaError");
  assert.include(String(error), "KafkaError: REQUEST_TIMEOUT");
  assert.deepInclude({ ...error }, { code: "REQUEST_TIMEOUT", retriable: true, fatal: false, stale: false });
  assert.deepInclude({ ...error }, { broker: "b:1", partition: 0, topic: undefined, persisted: "possibly" });
  assert.equal(error.cause, cause);
  assert.instanceOf(error, Error);
  assert.notProperty(new KafkaError("CLOSED", ""), "cause");
});

test("an error without a detail says the sentence of its code", () => {
  assert.equal(new KafkaError("CLOSED", "").message, `CLOSED: ${ownErrors.CLOSED.sentence}`);
});

test("what a broker answered keeps Kafka's name, its sentence and the detail", () => {
  const error = KafkaError.ofBroker(3, "my.test", { topic: "my.test" });
  assert.equal(error.code, "UNKNOWN_TOPIC_OR_PARTITION");
  assert.match(error.message, /^UNKNOWN_TOPIC_OR_PARTITION: The broker .+ \(my\.test\)$/);
  assert.isTrue(error.retriable);
  assert.isTrue(error.stale);
  assert.equal(error.topic, "my.test");
  assert.equal(KafkaError.ofBroker(46, "").persisted, "yes");
  assert.equal(KafkaError.ofBroker(7, "").persisted, "possibly");
  assert.equal(KafkaError.ofBroker(10, "").persisted, "no");
});

test("an error that a newer broker has invented has a code of its own and is not retried", () => {
  const error = KafkaError.ofBroker(9999, "");
  assert.equal(error.code, "UNKNOWN_ERROR_9999");
  assert.isFalse(error.retriable);
  assert.equal(error.persisted, "possibly");
});

test("within adds what is not known yet and changes nothing that is", () => {
  const first = new KafkaError("PROTOCOL_ERROR", "odd", { topic: "t", partition: 0 });
  const second = first.within({ broker: "b:1", topic: "other", partition: 7, retriable: true });
  assert.deepInclude({ ...second }, { code: "PROTOCOL_ERROR", broker: "b:1", topic: "t", partition: 0 });
  assert.isFalse(second.retriable);
  assert.equal(second.message, first.message);
  assert.equal(second.cause, first);
  assert.equal(first.broker, undefined);
});

test("within gives the error itself when it learns nothing", () => {
  const error = new KafkaError("PROTOCOL_ERROR", "odd", { broker: "b:1" });
  assert.equal(error.within({ broker: "b:2", topic: undefined }), error);
});

test("within takes a cause, and an undefined one does not hide the error itself", () => {
  const cause = new Error("why");
  const error = new KafkaError("PROTOCOL_ERROR", "odd");
  assert.equal(error.within({ cause }).cause, cause);
  assert.equal(error.within({ broker: "b:1", cause: undefined }).cause, error);
});

test("with overrides what is known, but not by what is undefined", () => {
  const first = KafkaError.ofBroker(7, "", { topic: "t", partition: 1 });
  const second = first.with({ topic: "u", partition: undefined, persisted: "no", retriable: false, fatal: true });
  assert.deepInclude({ ...second }, { topic: "u", partition: 1, persisted: "no", retriable: false, fatal: true });
  assert.equal(second.code, "REQUEST_TIMED_OUT");
  assert.equal(second.cause, first);
});

test("staleness survives within and with", () => {
  const error = KafkaError.ofBroker(6, "").within({ broker: "b:1" }).with({ topic: "t" });
  assert.isTrue(error.stale);
});

test("Kafka's errors have one number and one name each", () => {
  const numbers = [...brokerErrors.keys()];
  const names = [...brokerErrors.values()].map(({ code }) => code);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(numbers, [-1, ...numbers.slice(1).map((_, i) => i + 1)], "from 1 on without a gap");
  for (const [number, error] of brokerErrors) {
    assert.equal(error.number, number);
    assert.match(error.code, /^[A-Z][A-Z_]+$/);
    assert.equal(brokerError(number), error);
    if (error.persisted === "yes") assert.isFalse(error.retriable, error.code);
  }
});

test("our own codes are none of Kafka's", () => {
  const names = new Set([...brokerErrors.values()].map(({ code }) => code));
  for (const code of Object.keys(ownErrors)) assert.isFalse(names.has(code), code);
});

test("every sentence is one, and has no full stop", () => {
  const sentences = [...brokerErrors.values(), ...Object.values(ownErrors)].map(({ sentence }) => sentence);
  assert.equal(new Set(sentences).size, sentences.length);
  for (const sentence of sentences) assert.match(sentence, /^[A-Z].{10,}[^.]$/);
});

test("the numbers that code names are those of the table", () => {
  for (const [code, number] of Object.entries(errorNumbers)) {
    if (number !== errorNumbers.NONE) assert.equal(brokerErrors.get(number)?.code, code);
  }
});
