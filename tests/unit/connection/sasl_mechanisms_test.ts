/** SASL mechanisms by themselves, against published vectors and brokers that cheat. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { realWorld, type World } from "../../../src/base/world.ts";
import { awsMskIam } from "../../../src/connection/sasl/aws_msk_iam.ts";
import { fromBase64, isSame, toBase64 } from "../../../src/connection/sasl/crypto.ts";
import type { SaslContext, SaslMechanism } from "../../../src/connection/sasl/mechanism.ts";
import { oauthBearer } from "../../../src/connection/sasl/oauth_bearer.ts";
import { plain } from "../../../src/connection/sasl/plain.ts";
import { clientFirst, readChallenge, scramSha256, scramSha512 } from "../../../src/connection/sasl/scram.ts";
import { canonicalQuery, signature, signingKey } from "../../../src/connection/sasl/sigv4.ts";
import { test } from "../../harness.ts";
import { failure } from "../base/simulated.ts";
import { thrown } from "../client/rig.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** What a mechanism says, to a broker that answers so. */
async function said(
  mechanism: SaslMechanism,
  answers: readonly string[],
  world: Partial<World> = {},
): Promise<string[]> {
  const heard: string[] = [];
  const context: SaslContext = {
    host: "b-1.example.com",
    port: 9098,
    signal: new AbortController().signal,
    world: { ...realWorld, ...world },
    exchange: (message) => {
      const answer = answers[heard.length];
      heard.push(new TextDecoder().decode(message));
      return answer === undefined ? Promise.reject(new Error("nothing more is said")) : Promise.resolve(utf8(answer));
    },
  };
  await mechanism.authenticate(context);
  return heard;
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

test("PLAIN says name and password as they are, asked anew each time (RFC 4616)", async () => {
  assert.deepEqual(await said(plain({ username: "tim", password: "tanstaaftanstaaf" }), [""]), [
    "\0tim\0tanstaaftanstaaf",
  ]);
  let n = 0;
  const rotating = plain(() => Promise.resolve({ username: "Ütte,=", password: `p${++n}` }));
  assert.deepEqual(await said(rotating, [""]), ["\0Ütte,=\0p1"]);
  assert.deepEqual(await said(rotating, [""]), ["\0Ütte,=\0p2"]);
});

const PENCIL = { username: "user", password: "pencil" };
/** RFC 7677, section 3. */
const SHA_256 = {
  nonce: "rOprNGfwEbeRWgbNEkqO",
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  verifier: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};
/** Computed by Node's own functions, since no RFC has one. */
const SHA_512 = {
  nonce: "rOprNGfwEbeRWgbNEkqO",
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=8192",
  proof: "6HZ5rUA3PgkE/X3DbWzXrokJFsM9zr9o7EgisWdnKczXrIzjgD4BKpBTn7XAOVwLeZUg1pFRTcesJnSwFTQsIw==",
  verifier: "v=RqO11yK/xS8vUqXJmCYvXcKjTIkTicWzQEDh94upkSMgEZfW9mqg9ws9DPT5rQ74uE1weAEpGS1Y6Q6l6KVKXw==",
};
const entropy = () => fromBase64(SHA_256.nonce)!;

test("SCRAM speaks as the RFC does, word for word", async () => {
  for (
    const [mechanism, { serverFirst, proof, verifier }] of [
      [scramSha256(PENCIL), SHA_256],
      [scramSha512(() => PENCIL), SHA_512],
    ] as const
  ) {
    assert.deepEqual(await said(mechanism, [serverFirst, verifier], { entropy }), [
      "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
      `c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=${proof}`,
    ], mechanism.name);
  }
});

test("a broker that does not know the password is found out, whatever it says last", async () => {
  const last = (answer: string) => said(scramSha256(PENCIL), [SHA_256.serverFirst, answer], { entropy });
  const other = SHA_256.verifier.replace("6", "7");
  assert.include((await failure(last(other), "SASL_AUTHENTICATION_FAILED")).message, "signature is wrong");
  await failure(last("v="), "PROTOCOL_ERROR");
  await failure(last(""), "PROTOCOL_ERROR");
  await failure(last("v=6rri"), "SASL_AUTHENTICATION_FAILED");
  await failure(last(`${SHA_256.verifier}x`), "SASL_AUTHENTICATION_FAILED");
  const refused = await failure(last("e=invalid-proof"), "SASL_AUTHENTICATION_FAILED");
  assert.include(refused.message, "invalid-proof");
  assert.isFalse(refused.retriable);
});

test("a challenge that makes no sense, or too much work, or too little, is refused", () => {
  const refused = (challenge: string) => {
    const error = thrown(() => readChallenge(challenge, "abc"));
    assert.equal(error.code, "PROTOCOL_ERROR", challenge);
    return error.message;
  };
  assert.deepEqual(readChallenge("r=abcd,s=QUJD,i=4096", "abc"), {
    nonce: "abcd",
    salt: utf8("ABC"),
    iterations: 4096,
  });
  assert.equal(readChallenge("r=abcd,s=QUJD,i=1048576,x=later", "abc").iterations, 1 << 20);
  for (const bad of ["", "r=abcd", "r=abcd,s=,i=4096", "r=abcd,s=Q,i=4096", "r=abcd,s=QUJD,i=", "r=abcd,s=QUJD,i=-1"]) {
    assert.include(refused(bad), "not of the form");
  }
  assert.include(refused("m=ext,r=abcd,s=QUJD,i=4096"), "not of the form", "an extension that has to be understood");
  assert.include(refused("r=abc,s=QUJD,i=4096"), "our nonce");
  assert.include(refused("r=xabcd,s=QUJD,i=4096"), "our nonce");
  assert.include(refused("r=abcd,s=QUJD,i=4095"), "4095 iterations");
  assert.include(refused("r=abcd,s=QUJD,i=1048577"), "1048577 iterations");
  assert.include(refused("r=abcd,s=QUJD,i=9999999999"), "9999999999 iterations");
});

test("names are escaped as Kafka does it, and tokens say that they are", () => {
  assert.equal(clientFirst("a,b=c,=", "N"), "n=a=2Cb=3Dc=2C=3D,r=N");
  assert.equal(clientFirst("id", "N", true), "n=id,r=N,tokenauth=true");
});

test("OAUTHBEARER sends token and extensions, and tells what the broker has against them", async () => {
  const token = "eyJhbGciOiJub25lIn0.e30.";
  assert.deepEqual(await said(oauthBearer({ token }), [""]), [`n,,\x01auth=Bearer ${token}\x01\x01`]);
  const extended = oauthBearer({ token: () => ({ value: token, extensions: { traceId: "1 2", zone: "x" } }) });
  assert.deepEqual(await said(extended, [""]), [`n,,\x01auth=Bearer ${token}\x01traceId=1 2\x01zone=x\x01\x01`]);
  const refused = await failure(
    said(oauthBearer({ token }), [`{"status":"invalid_token","seen":"${token}"}`, ""]),
    "SASL_AUTHENTICATION_FAILED",
  );
  assert.include(refused.message, `{"status":"invalid_token","seen":"…"}`);
});

test("what is no token, no extension, no name is refused, and never shown", async () => {
  const secret = "s3cr3t\0";
  const at: (() => unknown)[] = [
    () => plain({ username: "u", password: secret }),
    () => plain({ username: "u", password: "" }),
    () => plain({ username: "u" } as never),
    () => plain({ username: "u", password: "p", pasword: secret } as never),
    () => plain(undefined as never),
    () => scramSha512({ username: "u", password: secret }),
    () => oauthBearer({ token: secret }),
    () => oauthBearer({ token: "" }),
    () => oauthBearer(undefined as never),
    () => oauthBearer({ tokens: secret } as never),
    () => awsMskIam(undefined as never),
    () => awsMskIam({ region: "r", credentials: undefined as never }),
    () => oauthBearer({ token: { value: "t", extensions: { auth: secret } } }),
    () => oauthBearer({ token: { value: "t", extensions: { "a1": "x" } } }),
    () => oauthBearer({ token: { value: "t", extensions: { a: secret } } }),
    () => awsMskIam({ region: "", credentials: { accessKeyId: "a", secretAccessKey: "b" } }),
    () => awsMskIam({ region: "r", credentials: { accessKeyId: "a", secretAccessKey: secret } }),
  ];
  for (const call of at) {
    const error = thrown(call);
    assert.equal(error.code, "INVALID_OPTION", error.message);
    assert.notInclude(error.message, "s3cr3t");
  }
  const late = await failure(said(plain(() => ({ username: "u", password: secret })), []), "INVALID_OPTION");
  assert.notInclude(late.message, "s3cr3t");
});

test("a function that fails may heal, unless it says otherwise", async () => {
  const down = new Error("the vault is down");
  const error = await failure(said(plain(() => Promise.reject(down)), []), "SASL_AUTHENTICATION_FAILED");
  assert.isTrue(error.retriable);
  assert.equal(error.cause, down);
  assert.include(error.message, "the vault is down");
  const own = new KafkaError("UNSUPPORTED_FEATURE", "never");
  assert.equal(await failure(said(scramSha256(() => Promise.reject(own)), []), "UNSUPPORTED_FEATURE"), own);
});

/** The examples of AWS's own documentation. */
const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

test("AWS signs as its documentation says", async () => {
  const iam = { day: "20150830", region: "us-east-1", service: "iam" };
  assert.equal(
    hex(await signingKey(realWorld, SECRET, iam)),
    "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9",
  );
  const vanilla = "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n" +
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(
    await signature(realWorld, SECRET, { ...iam, service: "service" }, "20150830T123600Z", vanilla),
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  );
  // A query that is signed in advance: S3's GET of test.txt.
  const query = canonicalQuery({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
    "X-Amz-Date": "20130524T000000Z",
    "X-Amz-Expires": "86400",
    "X-Amz-SignedHeaders": "host",
  });
  const presigned = `GET\n/test.txt\n${query}\nhost:examplebucket.s3.amazonaws.com\n\nhost\nUNSIGNED-PAYLOAD`;
  assert.equal(
    await signature(
      realWorld,
      SECRET.replace("+", "/"),
      { day: "20130524", region: "us-east-1", service: "s3" },
      "20130524T000000Z",
      presigned,
    ),
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
  assert.equal(canonicalQuery({ b: "x y/é(*)~", A: "" }), "A=&b=x%20y%2F%C3%A9%28%2A%29~");
});

test("AWS_MSK_IAM sends what it has signed, and never the key", async () => {
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: SECRET, sessionToken: "t+/=", accountId: "1" };
  const mechanism = awsMskIam({ region: "eu-west-1", credentials: () => credentials, userAgent: "me" });
  const wall = () => Date.UTC(2026, 10, 24, 18, 5, 9, 123);
  const [message] = await said(mechanism, ['{"version":"2020_10_22","request-id":"1"}'], { wall });
  assert.notInclude(message, SECRET);
  const { "x-amz-signature": signed, ...payload } = JSON.parse(message!);
  assert.deepEqual(payload, {
    version: "2020_10_22",
    host: "b-1.example.com",
    "user-agent": "me",
    action: "kafka-cluster:Connect",
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": "AKIDEXAMPLE/20261124/eu-west-1/kafka-cluster/aws4_request",
    "x-amz-date": "20261124T180509Z",
    "x-amz-expires": "900",
    "x-amz-security-token": "t+/=",
    "x-amz-signedheaders": "host",
  });
  assert.match(signed, /^[0-9a-f]{64}$/);
  const query = "Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
    "&X-Amz-Credential=AKIDEXAMPLE%2F20261124%2Feu-west-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261124T180509Z" +
    "&X-Amz-Expires=900&X-Amz-Security-Token=t%2B%2F%3D&X-Amz-SignedHeaders=host";
  const request = `GET\n/\n${query}\nhost:b-1.example.com\n\nhost\n` +
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const scope = { day: "20261124", region: "eu-west-1", service: "kafka-cluster" };
  assert.equal(signed, await signature(realWorld, SECRET, scope, "20261124T180509Z", request));
  await failure(said(mechanism, [""], { wall }), "PROTOCOL_ERROR");
});

test("base64 is read strictly, and bytes are compared whole", () => {
  assert.equal(toBase64(utf8("f")), "Zg==");
  assert.deepEqual(fromBase64("Zm8="), utf8("fo"));
  assert.deepEqual(fromBase64(""), new Uint8Array());
  for (const bad of ["Z", "Zg", "Zg=", "Zm8", "Z m8=", "Zg==Zg==", "Zm8=\n", "Zm_="]) {
    assert.isUndefined(fromBase64(bad));
  }
  assert.isTrue(isSame(utf8("abc"), utf8("abc")));
  for (const other of ["abd", "ab", "abcd", ""]) assert.isFalse(isSame(utf8("abc"), utf8(other)), other);
});

test("where a platform has no WebCrypto, as a page over http, SCRAM says so", async () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    const { message } = await failure(
      said(scramSha256(PENCIL), [SHA_256.serverFirst], { entropy }),
      "UNSUPPORTED_FEATURE",
    );
    assert.include(message, "https");
  } finally {
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  }
});
