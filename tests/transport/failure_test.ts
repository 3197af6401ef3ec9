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
    if (expected === "TLS_FAILED") assert.match(error.message, /^TLS_FAILED: b:9092\b.*it said/);
    else assert.equal(error.message, `${expected}: b:9092: it said ${code}`);
  }
  for (const [name, expected] of Object.entries(EXPECTED_OF_DENO)) {
    assert.equal(failureOf(withName(name), "b:9092", "CONNECTION_CLOSED").code, expected, name);
  }
});

/** What each platform says (code, message), and the words that belong to it. */
const TLS_WORDS: readonly (readonly [code: string | undefined, message: string, words: RegExp])[] = [
  [
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "1F:error:0A00045C:SSL routines:f:tlsv13 alert certificate required:a.c:9:SSL alert number 116\n",
    /: b:1 asks for a certificate of ours.*tls\.cert.*\(tlsv13 alert certificate required\)$/,
  ],
  [undefined, "received fatal alert: CertificateRequired", /: b:1 asks for a certificate of ours/],
  [
    "EPROTO",
    "error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED",
    /: b:1 asks .*\(TLSV1_ALERT_CERTIFICATE_REQUIRED\)$/,
  ],
  [
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "1F:error:0A000412:SSL routines:f:ssl/tls alert bad certificate:a.c:9:SSL alert number 42\n",
    /does not believe our certificate/,
  ],
  [
    "EPROTO",
    "error:10000416:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    /does not believe our certificate/,
  ],
  [
    "EPROTO",
    "error:10000415:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_EXPIRED",
    /does not believe our certificate/,
  ],
  [undefined, "received fatal alert: UnknownCA", /does not believe our certificate/],
  [undefined, "cannot decrypt peer's message", /breaks TLS off.*tls\.cert/],
  ["ERR_SSL_UNEXPECTED_MESSAGE", "1F:error:0A0000F4:SSL routines:f:unexpected message:a.c:9:\n", /breaks TLS off/],
  ["EPROTO", "error:10000410:SSL routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE", /no way of TLS in common/],
  [undefined, "received fatal alert: ProtocolVersion", /no version of TLS that we speak/],
  [
    undefined,
    "received corrupt message of type InvalidContentType",
    /does not answer in TLS: connect without the option tls/,
  ],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "unable to verify the first certificate",
    /an authority that is not believed: the option tls\.ca/,
  ],
  [undefined, "invalid peer certificate: UnknownIssuer", /an authority that is not believed/],
  [
    undefined,
    'invalid peer certificate: certificate not valid for name "b"; certificate is only valid for x',
    /another name/,
  ],
  ["CERT_NOT_YET_VALID", "certificate is not yet valid", /not valid yet/],
  [undefined, "keys may not be consistent: KeyMismatch", /tls\.key is not the key of tls\.cert/],
];

test("what is wrong with TLS is said in our words, with the platform's behind them and without its line numbers", () => {
  for (const [code, message, words] of TLS_WORDS) {
    const error = failureOf(Object.assign(new Error(message), { code }), "b:1", "TLS_FAILED");
    assert.equal(error.code, "TLS_FAILED", message);
    assert.isFalse(error.retriable);
    assert.match(error.message, words);
    assert.notMatch(error.message, /\n|\.c:|routines/);
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
