/** What platforms call their failures, in our codes. */

import { assert } from "chai";
import { KafkaError } from "../../src/base/errors.ts";
import { brokerOf, failureOf } from "../../src/transport/failure.ts";
import { test } from "../harness.ts";

const withCode = (code: string) => Object.assign(new Error(`it said ${code}`), { code });
const withName = (name: string) => Object.assign(new Error(`it was ${name}`), { name });

const EXPECTED: Record<string, string> = {
  ECONNREFUSED: "CONNECTION_REFUSED",
  ENOTFOUND: "HOST_NOT_FOUND",
  EAI_AGAIN: "HOST_NOT_FOUND",
  EHOSTUNREACH: "HOST_UNREACHABLE",
  ENETUNREACH: "HOST_UNREACHABLE",
  ETIMEDOUT: "CONNECT_TIMEOUT",
  ECONNRESET: "CONNECTION_RESET",
  EPIPE: "CONNECTION_RESET",
  EADDRINUSE: "INVALID_OPTION",
  EPROTO: "TLS_FAILED",
  CERT_HAS_EXPIRED: "TLS_FAILED",
  DEPTH_ZERO_SELF_SIGNED_CERT: "TLS_FAILED",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "TLS_FAILED",
  ERR_TLS_CERT_ALTNAME_INVALID: "TLS_FAILED",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "TLS_FAILED",
};

const EXPECTED_OF_DENO: Record<string, string> = {
  ConnectionRefused: "CONNECTION_REFUSED",
  NetworkUnreachable: "HOST_UNREACHABLE",
  TimedOut: "CONNECT_TIMEOUT",
  ConnectionReset: "CONNECTION_RESET",
  UnexpectedEof: "CONNECTION_RESET",
  BrokenPipe: "CONNECTION_RESET",
  InvalidData: "TLS_FAILED",
  NotCapable: "UNSUPPORTED_FEATURE",
};

test("a platform's failure has our code, the broker and its cause", () => {
  for (const [code, expected] of Object.entries(EXPECTED)) {
    const cause = withCode(code);
    const error = failureOf(cause, "b:9092", "CONNECTION_CLOSED");
    assert.equal(error.code, expected, code);
    assert.strictEqual(error.cause, cause);
    assert.equal(error.broker, "b:9092");
    assert.equal(error.message, `${expected}: b:9092: it said ${code}`);
  }
  for (const [name, expected] of Object.entries(EXPECTED_OF_DENO)) {
    assert.equal(failureOf(withName(name), "b:9092", "CONNECTION_CLOSED").code, expected, name);
  }
});

test("an unknown failure has the code that its place suggests, whatever was thrown", () => {
  for (const thrown of [withCode("EWHAT"), new Error("oh"), "text", undefined, null, 7]) {
    assert.equal(failureOf(thrown, "b:1", "HOST_UNREACHABLE").code, "HOST_UNREACHABLE");
  }
});

test("of several addresses' failures the first one counts, and all are the cause", () => {
  const cause = new AggregateError([withCode("ECONNREFUSED"), withCode("ENETUNREACH")]);
  const error = failureOf(cause, "b:1", "HOST_UNREACHABLE");
  assert.equal(error.code, "CONNECTION_REFUSED");
  assert.strictEqual(error.cause, cause);
});

test("an error of ours stays as it is", () => {
  const error = new KafkaError("CONNECT_TIMEOUT", "late");
  assert.strictEqual(failureOf(error, "b:1", "CONNECTION_RESET"), error);
});

test("a broker is named host:port, an IPv6 address in brackets", () => {
  assert.equal(brokerOf({ host: "b", port: 1 }), "b:1");
  assert.equal(brokerOf({ host: "::1", port: 1 }), "[::1]:1");
});
