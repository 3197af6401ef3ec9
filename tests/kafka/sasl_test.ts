/** SASL as real brokers speak it: beside the embedded ones, step by step; and sessions that end under load. */

import { assert } from "chai";
import { type ClientEvent, type KafkaClient, scramSha256, scramSha512 } from "@samsa/kafka";
import { apiVersions } from "../../src/protocol/api_versions.ts";
import { createDelegationToken } from "../../src/protocol/create_delegation_token.ts";
import { metadata } from "../../src/protocol/metadata.ts";
import { saslAuthenticate } from "../../src/protocol/sasl_authenticate.ts";
import { saslHandshake } from "../../src/protocol/sasl_handshake.ts";
import { Cluster } from "../../src/testing/cluster.ts";
import type { Address, Dial } from "../../src/transport/transport.ts";
import { door } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { Line } from "../unit/testing_cluster/line.ts";
import { javaProduce } from "./java.ts";
import { RealKafka, releases, resolveJars } from "./launcher.ts";
import { atLeast } from "./releases.ts";
import { mechanismsOf, users } from "./secured.ts";

const SESSION_MS = 2000;
const LOAD_MS = 7000;
const ADMIN = { username: "admin", password: users.admin };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A token that nobody has signed. */
function jws(claims: object): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replace(/=*$/, "");
  return `${part({ alg: "none" })}.${part(claims)}.`;
}
const oauth = (exp: number): string => `n,,\x01auth=Bearer ${jws({ sub: "admin", iat: 1, exp })}\x01\x01`;
const plain = (user: string, password: string): string => `\0${user}\0${password}`;
const right = plain("admin", users.admin);

/**
 * What is said on one connection, a word for each step: `v`ersions, `m`etadata, a `wait`; `h0`, `h1` and a mechanism: a handshake;
 * `a0`, `a1`, `a2` and a message: SaslAuthenticate; `bare` and a message.
 */
type Step = readonly [verb: string, what?: string];

const PLAIN1: Step = ["h1", "PLAIN"];

/** Before there was SaslAuthenticate, and ever since. */
const BARE: readonly (readonly Step[])[] = [
  [["v"], ["h0", "PLAIN"], ["bare", right], ["m"]],
  [["h0", "PLAIN"], ["bare", right], ["v"]],
  [["h0", "PLAIN"], ["bare", plain("admin", "no")]],
  [["h0", "PLAIN"], ["bare", plain("nobody", "no")]],
  [["h0", "X-TOY"]],
  [["m"]],
  [["v"], ["m"]],
];
const FRAMED: readonly (readonly Step[])[] = [
  [["v"], ["v"]],
  [["v"], PLAIN1, ["a0", right], ["m"], ["a0", right], ["m"]],
  [PLAIN1, ["a0", plain("admin", "no")]],
  [PLAIN1, ["a0", plain("nobody", "no")]],
  [PLAIN1, ["a0", "no"]],
  [PLAIN1, ["a0", `alice${right}`]],
  [PLAIN1, PLAIN1],
  [["h1", "X-TOY"]],
  [["a0", right]],
  [["h0", "PLAIN"], ["bare", plain("admin", "no")]],
  [["h1", "OAUTHBEARER"], ["a0", oauth(17)], ["a0", "\x01"]],
  [["h1", "OAUTHBEARER"], ["a0", "n,,"]],
  [["h1", "SCRAM-SHA-256"], ["a0", "n,,n=nobody,r=abc"]],
];
/** So many of them are told in the same words by 1.x. */
const SAME_WORDS = 4;
/** Where sessions end. */
const RENEWED: readonly (readonly Step[])[] = [
  [PLAIN1, ["a1", right], ["wait", "1500"], ["m"], ["wait", "700"], ["m"]],
  [PLAIN1, ["a1", right], ["wait", "2200"], PLAIN1, ["a1", right], ["m"]],
  [PLAIN1, ["a1", right], PLAIN1, ["a1", right], PLAIN1, ["m"], ["wait", "1100"], PLAIN1, ["a1", right], ["m"]],
  [PLAIN1, ["a1", right], PLAIN1, PLAIN1],
  [PLAIN1, ["a1", right], PLAIN1, ["a1", plain("admin", "no")]],
  [["h1", "OAUTHBEARER"], ["a1", oauth(1e10)], ["h1", "OAUTHBEARER"], ["a1", oauth(17)], ["a1", "\x01"]],
];

/** What a broker says to a step. */
async function step(line: Line, [verb, what = ""]: Step): Promise<string> {
  if (verb === "wait") return await sleep(Number(what)).then(() => "");
  if (verb === "v") return toldOf(await line.tryAsk(apiVersions, 0, {}), ({ errorCode }) => String(errorCode));
  if (verb === "m") {
    return toldOf(await line.tryAsk(metadata, 1, { topics: [] }), ({ brokers }) => `${brokers.length} broker`);
  }
  if (verb === "bare") {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, utf8(what).length);
    await line.transport.write([size, utf8(what)]);
    return toldOf(await line.frame() ?? "closed", text);
  }
  const version = Number(verb[1]);
  if (verb[0] === "h") {
    const answer = await line.tryAsk(saslHandshake, version, { mechanism: what });
    return toldOf(answer, ({ errorCode, mechanisms }) => `${errorCode} ${[...mechanisms].sort()}`);
  }
  const answer = await line.tryAsk(saslAuthenticate, version, { authBytes: utf8(what) });
  return toldOf(
    answer,
    ({ errorCode, errorMessage, authBytes, sessionLifetimeMs }) =>
      `${errorCode} ${errorMessage ?? ""} ${text(authBytes)} ${sessionLifetimeMs}`,
  );
}

function toldOf<T>(answer: T | "closed", tell: (answer: T) => string): string {
  return answer === "closed" ? "closed" : tell(answer as T);
}

/** All that is said on one connection; where the broker ends it, that is the last. */
async function told(dial: Dial, address: Address, steps: readonly Step[]): Promise<string[]> {
  const line = new Line(await dial(address));
  const lines: string[] = [];
  try {
    for (const one of steps) {
      const answer = await step(line, one).catch(() => "closed");
      lines.push(`${one.join(" ").replaceAll("\0", "|").replaceAll("\x01", "|")}: ${answer}`);
      if (answer === "closed") return lines;
    }
    const end = await Promise.race([
      line.frame().then(() => "closed", () => "closed"),
      sleep(400).then(() => "goes on"),
    ]);
    return [...lines, end];
  } finally {
    line.close();
  }
}

function addressOf(host: string): Address {
  const [name = "", port] = host.split(":");
  return { host: name, port: Number(port) };
}

/** The same talk with both. */
async function sameTalk(kafka: RealKafka, release: string): Promise<void> {
  const mechanisms = mechanismsOf(release);
  const has = (steps: readonly Step[]) =>
    steps.every(([verb, what = ""]) =>
      !verb.startsWith("h") || what === "X-TOY" || mechanisms.some((one) => one === what)
    );
  const plays = [
    ...BARE,
    ...atLeast(release, "2.0") ? FRAMED : atLeast(release, "1.0") ? FRAMED.slice(0, SAME_WORDS) : [],
    ...atLeast(release, "2.2") ? RENEWED : [],
  ].filter(has);
  await using cluster = await Cluster.start({ release, sasl: { users, mechanisms, sessionLifetimeMs: SESSION_MS } });
  await using open = await Cluster.start({ release });
  const pairs = [
    ...plays.map((steps) => [steps, kafka.security.hosts.SASL_PLAINTEXT, cluster] as const),
    ...[["h0", "PLAIN"], PLAIN1, ["a0", right]].slice(0, atLeast(release, "1.0") ? 3 : 1).map((one) =>
      [[one as Step, ["m"] as Step], kafka.hosts, open] as const
    ),
  ];
  const talks = await Promise.all(pairs.map(async ([steps, hosts, embedded]) => {
    const real = told(door.dial, addressOf(hosts), steps);
    return { ours: await told(embedded.dial, addressOf(embedded.hosts), steps), real: await real };
  }));
  assert.deepEqual(talks.map(({ ours }) => ours), talks.map(({ real }) => real));
}

/** Sessions of two seconds under load: no error, nothing lost, all in order, and connections are kept. */
async function sessionsUnderLoad(hosts: string): Promise<void> {
  const events: ClientEvent[] = [];
  await using client = await door.connect({
    hosts,
    sasl: scramSha256(() => Promise.resolve(ADMIN)),
    onEvent: (event) => void (event.type === "authenticated" || event.type === "disconnected" ? events.push(event) : 0),
  });
  await client.admin.createTopic("sessions", { partitions: 2 });
  const topic = await client.topic("sessions");
  const producer = topic.producer();
  const read: number[][] = [[], []];
  const reading = (async () => {
    for await (const message of topic.simpleConsumer()) {
      if (message.text() === "end") break;
      read[message.partition]!.push(Number(message.text()));
    }
  })();
  const written: number[][] = [[], []];
  const acknowledged: Promise<unknown>[] = [];
  for (let n = 0, end = performance.now() + LOAD_MS; performance.now() < end; await sleep(2)) {
    for (let i = 0; i < 10; i++) {
      const partition = n % 2;
      written[partition]!.push(n);
      acknowledged.push(producer.produce({ partition, value: String(n++) }));
    }
  }
  await Promise.all(acknowledged);
  while (read.flat().length < written.flat().length) await sleep(20);
  await producer.produce({ partition: 0, value: "end" });
  await reading;
  assert.deepEqual(read, written);
  const count = (again: boolean) => events.filter((event) => event.type === "authenticated" && event.again === again);
  const lost = events.filter((event) => event.type === "disconnected" && !event.expected);
  assert.deepEqual(lost, []);
  assert.isAtMost(count(false).length, 3, "connections");
  assert.isAtLeast(count(true).length, 2 * Math.floor(LOAD_MS / SESSION_MS) - 1, "renewals");
}

/** A delegation token is made, and somebody comes with it (KIP-48). */
async function tokenOf(client: KafkaClient, hosts: string): Promise<void> {
  const body = { renewers: [], maxLifetimeMs: -1 };
  const { errorCode, tokenId, hmac } = await client.request(createDelegationToken, body, { controller: true });
  assert.equal(errorCode, 0);
  const password = btoa(String.fromCharCode(...hmac));
  for (const deadline = performance.now() + 5000;;) {
    try {
      const sasl = scramSha512({ username: tokenId, password, tokenAuth: true });
      const guest = await door.connect({ hosts, sasl });
      return await guest.close();
    } catch (error) {
      if (performance.now() > deadline) throw error; // the broker had not heard of it yet
      await sleep(100);
    }
  }
}

/** The release's own client, which checks the broker's signature, comes in at an embedded broker. */
async function javaComesIn(kafka: RealKafka, release: string): Promise<void> {
  await using cluster = await Cluster.start({ release, listen: door.listen, topics: { t: {} }, sasl: { users } });
  const java = { hosts: cluster.hosts, release, tool: kafka.tool.bind(kafka) };
  const login = "org.apache.kafka.common.security.scram.ScramLoginModule";
  await javaProduce(java, [{ topic: "t", records: [{ key: null, value: utf8("from Java") }] }], {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.jaas.config": `${login} required username="admin" password="${users.admin}";`, // so from 0.10.2 on
  });
  assert.deepEqual((await cluster.records("t", 0)).map((message) => message.text()), ["from Java"]);
}

for (const release of releases.filter((each) => atLeast(each, "0.10"))) {
  testWith(["java", "mvn"], `Kafka ${release} and the embedded one say the same to whoever authenticates`, async () => {
    await resolveJars(releases);
    const settings = {
      ...(atLeast(release, "2.2") && { "connections.max.reauth.ms": SESSION_MS }),
      ...(atLeast(release, "2.8") && { "delegation.token.secret.key": "secret" }),
    };
    await using kafka = await RealKafka.start({ release, secured: true, settings });
    const hosts = kafka.security.hosts.SASL_PLAINTEXT;
    const work = [sameTalk(kafka, release), ...atLeast(release, "0.10.2") ? [javaComesIn(kafka, release)] : []];
    if (release.startsWith("2.8")) work.push(sessionsUnderLoad(hosts));
    await Promise.all(work);
    if (!release.startsWith("2.8")) return;
    await using client = await door.connect({ hosts, sasl: scramSha512(ADMIN) });
    await tokenOf(client, hosts);
  });
}
