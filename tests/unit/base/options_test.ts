/** Options: what is refused is named, with what is allowed. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import {
  brief,
  checkOptions,
  either,
  oneOf,
  type OptionRules,
  someFunction,
  someObject,
  someSignal,
  someText,
  trueOrFalse,
  wholeNumber,
} from "../../../src/base/options.ts";
import { test } from "../../harness.ts";

interface Options {
  readonly port?: number | undefined;
  readonly limit?: number | undefined;
  readonly mode?: "fast" | "safe" | undefined;
  readonly name?: string | undefined;
  readonly tls?: boolean | object | undefined;
  readonly ask?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const rules: OptionRules<Options> = {
  port: wholeNumber(1, 65_535),
  limit: wholeNumber(0, 10, true),
  mode: oneOf("fast", "safe"),
  name: someText,
  tls: either(trueOrFalse, someObject),
  ask: someFunction,
  signal: someSignal,
};

const check = (given: unknown) =>
  checkOptions<Options, { port: number }>("connect", given as Options, rules, { port: 9092 });

function refusal(given: unknown): string {
  try {
    check(given);
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    assert.equal((error as KafkaError).code, "INVALID_OPTION");
    return (error as KafkaError).message;
  }
  throw new Error("It was expected to be refused");
}

test("options get their defaults, and undefined counts as not given", () => {
  assert.deepEqual(check({}), { port: 9092 });
  assert.deepEqual(check({ port: undefined, name: undefined }), { port: 9092 });
  const signal = new AbortController().signal;
  assert.deepEqual(check({ port: 1, mode: "safe", limit: Infinity, tls: {}, signal }), {
    port: 1,
    mode: "safe",
    limit: Infinity,
    tls: {},
    signal,
  });
});

test("the given object is left alone", () => {
  const given = Object.freeze({ mode: "fast" as const });
  assert.notEqual(check(given) as unknown, given);
});

test("a value that is not allowed is named with what is", () => {
  const cases: [given: unknown, message: string][] = [
    [{ port: 0 }, "connect: port must be a whole number from 1 to 65535, not 0"],
    [{ port: 70_000 }, "connect: port must be a whole number from 1 to 65535, not 70000"],
    [{ port: 1.5 }, "connect: port must be a whole number from 1 to 65535, not 1.5"],
    [{ port: NaN }, "connect: port must be a whole number from 1 to 65535, not NaN"],
    [{ port: "9092" }, 'connect: port must be a whole number from 1 to 65535, not "9092"'],
    [{ port: 9092n }, "connect: port must be a whole number from 1 to 65535, not 9092n"],
    [{ port: null }, "connect: port must be a whole number from 1 to 65535, not null"],
    [{ port: Infinity }, "connect: port must be a whole number from 1 to 65535, not Infinity"],
    [{ limit: -1 }, "connect: limit must be a whole number from 0 to 10, or Infinity, not -1"],
    [{ mode: "slow" }, 'connect: mode must be "fast", "safe", not "slow"'],
    [{ name: "" }, 'connect: name must be a text that is not empty, not ""'],
    [{ tls: "yes" }, 'connect: tls must be true or false, or an object, not "yes"'],
    [{ tls: null }, "connect: tls must be true or false, or an object, not null"],
    [{ ask: {} }, "connect: ask must be a function, not an object"],
    [{ signal: {} }, "connect: signal must be an AbortSignal, not an object"],
  ];
  for (const [given, message] of cases) assert.equal(refusal(given), `INVALID_OPTION: ${message}`);
});

test("no error shows a key, wherever it was put", () => {
  const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";
  for (const given of [{ tls: key }, { name: 7, [key]: 1 }, { mode: key }, key, { ask: [key] }]) {
    assert.notInclude(refusal(given), "MIGH");
  }
});

test("an unknown name is refused with those that are known, also if every object has such a property", () => {
  for (const name of ["prot", "constructor", "toString", "__proto__", "hasOwnProperty", "0"]) {
    const given = JSON.parse(`{ ${JSON.stringify(name)}: 1 }`);
    const message = `INVALID_OPTION: connect has no option ${name}; it knows port, limit, mode, name, tls, ask, signal`;
    assert.equal(refusal(given), message);
  }
});

test("what is no object of options is refused", () => {
  assert.include(refusal(null), "connect takes an object of options, not null");
  assert.include(refusal("a:9092"), 'connect takes an object of options, not "a:9092"');
  assert.include(refusal(["a"]), "connect has no option 0");
});

test("a value in an error is brief: no whole object, no long text", () => {
  assert.equal(brief("x".repeat(1000)).length, 63);
  assert.equal(brief({ password: "secret" }), "an object");
  assert.equal(brief([1, 2]), "an array of 2");
  assert.equal(brief(() => {}), "a function");
  assert.equal(brief(undefined), "undefined");
  assert.equal(brief(Symbol("s")), "Symbol(s)");
});
