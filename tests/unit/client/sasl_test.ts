/** Authentication of whole clients, on embedded clusters of every age that has SASL. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import type { ClientEvent } from "../../../src/base/events.ts";
import type { LogFields } from "../../../src/base/log.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import type { SaslMechanism } from "../../../src/connection/sasl/mechanism.ts";
import { oauthBearer } from "../../../src/connection/sasl/oauth_bearer.ts";
import { plain } from "../../../src/connection/sasl/plain.ts";
import { scramSha256, scramSha512 } from "../../../src/connection/sasl/scram.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { saslAuthenticate } from "../../../src/protocol/sasl_authenticate.ts";
import { saslHandshake } from "../../../src/protocol/sasl_handshake.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import type { SaslServer } from "../../../src/testing/sasl_servers.ts";
import { test } from "../../harness.ts";
import { Line } from "../testing_cluster/line.ts";
import { failure, play, type Rig, texts, thrown } from "./rig.ts";

const ALICE = { username: "alice", password: "Tr0ub4dor&3" };
const USERS = { alice: ALICE.password, "b,o=b": "b,o=b" };
/** From the first that has it on, through every change of the messages. */
const RELEASES = ["0.10.0.1", "0.10.2.2", "0.11.0.3", "1.1", "2.1", "2.2", "2.8.2", "4.4.0"];

/** A token that nobody has signed. */
function jws(claims: object): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replace(/=*$/, "");
  return `${part({ alg: "none" })}.${part(claims)}.`;
}

/** Messages go round. */
async function goRound({ client, cluster }: Pick<Rig, "client" | "cluster">): Promise<void> {
  const topic = await client.topic("t");
  await topic.producer().produce(["a", "b", "c"]);
  const read: string[] = [];
  for await (const message of topic.simpleConsumer({ until: "end" })) read.push(message.text());
  assert.deepEqual(read, await texts(cluster));
  assert.deepEqual(read.slice(-3), ["a", "b", "c"]);
}

test("messages go round with every mechanism, on every release that has it", async () => {
  for (const release of RELEASES) {
    const mechanisms = [
      plain(ALICE),
      scramSha256({ username: "b,o=b", password: "b,o=b" }),
      scramSha512(() => Promise.resolve(ALICE)),
      oauthBearer({ token: jws({ sub: "alice", exp: 1e12 }) }),
      scramSha256({ username: "id", password: "hmac", tokenAuth: true }),
    ];
    const count = release.startsWith("0.10.0") ? 1 : release < "2" ? 3 : mechanisms.length;
    await play({
      release,
      strict: true,
      sasl: { users: USERS, tokens: { id: "hmac" } },
      client: { sasl: mechanisms[0] },
    }, async ({ cluster, connect }) => {
      for (const sasl of mechanisms.slice(0, count)) {
        const client = await connect({ sasl });
        await goRound({ client, cluster });
        await client.close();
      }
    });
  }
});

/** What `connect` rejects with, at once. */
async function refused({ connect, world }: Rig, options: Partial<ClientOptions>): Promise<KafkaError> {
  const before = world.now;
  const error = await failure(connect(options));
  // A second for tries on other hosts, delays of the network, and the broker's own delay.
  assert.isBelow((world.now - before) / 1000, 2000, "milliseconds until it was clear");
  assert.isFalse(error.retriable, error.message);
  return error;
}

const X_TOY: SaslMechanism = {
  name: "X-TOY",
  authenticate: async ({ exchange }) => void await exchange(new Uint8Array(1)),
};

test("what the broker refuses is one clear error at once, on every release", async () => {
  for (const release of RELEASES) {
    await play({ release, brokers: 2, sasl: { users: USERS }, client: { sasl: plain(ALICE) } }, async (rig) => {
      const wrong = await refused(rig, { sasl: plain({ ...ALICE, password: "hunter2" }) });
      assert.equal(wrong.code, "SASL_AUTHENTICATION_FAILED");
      assert.match(wrong.message, release < "1" ? /broker-\d:9092 hangs up on PLAIN/ : /Invalid username or password/);
      const toy = await refused(rig, { sasl: X_TOY });
      assert.equal(toy.code, "UNSUPPORTED_SASL_MECHANISM");
      assert.match(toy.message, /broker-\d:9092 does not offer X-TOY; it has PLAIN/);
      const none = await refused(rig, { sasl: undefined });
      assert.equal(none.code, "ILLEGAL_SASL_STATE");
      assert.match(none.message, /broker-\d:9092 wants SASL \(PLAIN/);
      if (release.startsWith("0.10.0")) return;
      for (const sasl of [scramSha256({ ...ALICE, password: "hunter2" }), scramSha512({ ...ALICE, username: "eve" })]) {
        const error = await refused(rig, { sasl });
        assert.equal(error.code, "SASL_AUTHENTICATION_FAILED");
        assert.match(error.message, release < "1" ? /hangs up on SCRAM/ : /invalid credentials/);
      }
      if (release < "2") return;
      const late = await refused(rig, { sasl: oauthBearer({ token: jws({ sub: "alice", exp: 17 }) }) });
      assert.equal(late.code, "SASL_AUTHENTICATION_FAILED");
      assert.include(late.message, "invalid_token");
    });
  }
});

test("a listener without SASL says so", async () => {
  for (const release of RELEASES) {
    await play({ release }, async (rig) => {
      const error = await refused(rig, { sasl: plain(ALICE) });
      assert.equal(error.code, "ILLEGAL_SASL_STATE");
      assert.match(error.message, /broker-1:9092 has no SASL on this listener/);
    });
  }
});

test("brokers before 0.10 know no SASL that is spoken here", async () => {
  await play({ release: "0.8.2.2" }, async (rig) => {
    const error = await failure(rig.connect({ sasl: plain(ALICE), bootstrapTimeoutMs: 3000 }));
    assert.equal(error.code, "NO_BROKERS");
    assert.include(error.message, "0.10 or later");
  });
});

/** A mechanism that nobody else has: the broker's number, doubled. */
const DOUBLE: SaslMechanism = {
  name: "X-DOUBLE",
  async authenticate({ host, port, exchange }) {
    const [number = 0] = await exchange(new TextEncoder().encode(`${host}:${port}`));
    await exchange(Uint8Array.of(2 * number));
  },
};
const doubling: SaslServer = {
  name: "X-DOUBLE",
  begin: ({ world }) => {
    let wanted: number | undefined;
    return (message) => {
      if (wanted === undefined) {
        const [number = 0] = world.entropy(1);
        wanted = 2 * number & 0xff;
        return { answer: Uint8Array.of(number) };
      }
      if (message[0] === wanted) return { user: "somebody" };
      throw KafkaError.ofBroker(58, "that is not twice as much");
    };
  },
};

test("a mechanism of somebody else's works as ours do", async () => {
  for (const release of ["0.11.0.3", "4.4.0"]) {
    await play({ release, sasl: { mechanisms: [doubling] }, client: { sasl: DOUBLE } }, async (rig) => {
      await goRound(rig);
      const triple: SaslMechanism = {
        name: "X-DOUBLE",
        authenticate: async ({ exchange }) =>
          void await exchange(Uint8Array.of(3 * (await exchange(new Uint8Array()))[0]! + 1)),
      };
      assert.equal((await refused(rig, { sasl: triple })).code, "SASL_AUTHENTICATION_FAILED");
      const bug: SaslMechanism = {
        name: "X-DOUBLE",
        authenticate: () => Promise.reject(new TypeError("it is no function")),
      };
      const error = await refused(rig, { sasl: bug });
      assert.include(error.message, "X-DOUBLE with broker-1:9092 failed: it is no function");
      assert.instanceOf(error.cause, TypeError);
      const mute: SaslMechanism = { name: "X-DOUBLE", authenticate: () => Promise.resolve() };
      assert.include((await refused(rig, { sasl: mute })).message, "has said nothing");
    });
  }
});

test("credentials are asked for once a connection, and what they are now counts", async () => {
  const users: Record<string, string> = { alice: "p0" };
  let n = 0;
  const sasl = plain(() => ({ username: "alice", password: users["alice"]!, n: n++ }) as never);
  const own = plain(() => {
    n++;
    return { username: "alice", password: users["alice"]! };
  });
  await play({ sasl: { users }, client: { sasl: own } }, async (rig) => {
    await goRound(rig);
    const { connections } = rig.client.metrics();
    assert.equal(connections.authentications, n);
    assert.equal(connections.opened, n);
    users["alice"] = "p1";
    const client = await rig.connect();
    await client.close();
    assert.equal((await failure(rig.connect({ sasl }))).code, "INVALID_OPTION");
  });
});

test("a function that hangs, fails, or is not waited for any more", async () => {
  await play({ sasl: { users: USERS }, client: { sasl: plain(ALICE) } }, async ({ connect, process }) => {
    const hangs = plain(() => new Promise(() => {}));
    const late = await failure(connect({ sasl: hangs, connectTimeoutMs: 700, bootstrapTimeoutMs: 2000 }));
    assert.equal(late.code, "NO_BROKERS");
    assert.equal((late.cause as KafkaError).code, "CONNECT_TIMEOUT");
    const controller = new AbortController();
    const wait = connect({ sasl: hangs, signal: controller.signal });
    await process.sleep(100);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    assert.equal(await wait.then(() => undefined, (error) => error), reason);
    let calls = 0;
    const recovers = plain(() => {
      if (++calls < 3) throw new Error("the vault is down");
      return ALICE;
    });
    const client = await connect({ sasl: recovers });
    assert.equal(calls, 3);
    await client.close();
    const down = plain(() => Promise.reject(new Error("the vault is down")));
    const error = await failure(connect({ sasl: down, bootstrapTimeoutMs: 1000 }));
    assert.equal(error.code, "NO_BROKERS");
    assert.include(error.message, "the vault is down");
  });
});

test("a password that is changed under a client fails its calls at once, and brings no storm of connections", async () => {
  const users: Record<string, string> = { ...USERS };
  const failures: number[] = [];
  const onEvent = (event: ClientEvent) => {
    if (event.type === "connectFailed") failures.push(1);
  };
  await play(
    { brokers: 1, sasl: { users }, client: { sasl: plain(ALICE), onEvent } },
    async ({ client, cluster, world, process }) => {
      const topic = await client.topic("t");
      const producer = topic.producer();
      await producer.produce("before");
      users["alice"] = "changed";
      await cluster.kill(1);
      await cluster.start(1);
      await process.sleep(1000); // else it is the lost connection that the batch meets first
      const began = world.now;
      const error = await failure(producer.produce("lost"));
      assert.equal(error.code, "SASL_AUTHENTICATION_FAILED");
      assert.equal(error.persisted, "no");
      assert.isBelow((world.now - began) / 1000, 5000);
      const consumer = topic.simpleConsumer({ group: "g" });
      const next = async () => (await consumer[Symbol.asyncIterator]().next()).value?.text();
      const read = await failure(next());
      assert.equal(read.code, "SASL_AUTHENTICATION_FAILED");
      const before = failures.length, from = world.now;
      for (let i = 0; i < 20; i++) {
        const calls = [producer.produce("lost too"), topic.latestOffsets(), client.refresh()];
        for (const call of calls) assert.equal((await failure(call)).code, "SASL_AUTHENTICATION_FAILED");
      }
      const seconds = (world.now - from) / 1_000_000;
      assert.isAbove(seconds, 5);
      assert.isBelow((failures.length - before) / seconds, 5, "connections that were tried in a second");
      users["alice"] = ALICE.password;
      await process.sleep(2000);
      await producer.produce("after");
      assert.equal(await next(), "before");
      assert.deepEqual(await texts(cluster), ["before", "after"]);
    },
  );
});

/** All that a value shows of itself, however deep: as `util.inspect` and loggers look at things. */
function shown(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (seen.has(value)) return "";
  seen.add(value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  const own = Reflect.ownKeys(value).map((key) => `${String(key)}: ${shown(Reflect.get(value, key), seen)}`);
  return [String(value), value instanceof Error ? value.stack : "", JSON.stringify(value), ...own].join("\n");
}

test("no secret in any error, event, log line, metric or object", async () => {
  const told: unknown[] = [];
  const line = (message: string, fields: LogFields) => void told.push(message, fields);
  const listening = {
    onEvent: (event: ClientEvent) => void told.push(event),
    log: { debug: line, info: line, warn: line, error: line },
  };
  const token = jws({ sub: "alice", exp: 17, jti: "c0ffee" });
  const secrets = [ALICE.password, "hunter2!", token, "hm4c"];
  for (const release of ["0.11.0.3", "4.4.0"]) {
    await play({
      release,
      sasl: { users: USERS, sessionLifetimeMs: 1500 },
      client: { sasl: plain(ALICE), ...listening },
    }, async (rig) => {
      const { client, cluster, connect } = rig;
      await goRound(rig);
      told.push(client, client.metrics(), client.admin);
      const mechanisms = [
        plain({ ...ALICE, password: "hunter2!" }),
        scramSha256({ ...ALICE, password: "hunter2!" }),
        scramSha512({ username: "id", password: "hm4c", tokenAuth: true }),
        oauthBearer({ token }),
      ];
      for (const sasl of mechanisms) told.push(sasl, await failure(connect({ sasl, ...listening })));
      if (release < "1") return;
      // A broker that says back what it was told.
      cluster.control(saslAuthenticate, ({ body }) => ({
        errorCode: 58,
        errorMessage: new TextDecoder().decode(body.authBytes),
        authBytes: new Uint8Array(),
      }), 100);
      for (const sasl of [plain(ALICE), oauthBearer({ token })]) {
        told.push(await failure(connect({ sasl, ...listening, bootstrapTimeoutMs: 500 })));
      }
    });
  }
  const all = told.map((one) => shown(one)).join("\n");
  assert.include(all, "SASL_AUTHENTICATION_FAILED");
  assert.isAbove(all.length, 10_000);
  for (const secret of secrets) assert.isFalse(all.includes(secret), `${secret} is told`);
});

test("the option sasl takes a mechanism and nothing else; a cluster refuses what its release has not", async () => {
  await play({}, async ({ connect }) => {
    for (const sasl of ["PLAIN", {}, { name: "PLAIN" }, { name: "PLAIN", username: "a", password: "s3cr3t" }]) {
      const error = await failure(connect({ sasl: sasl as never }));
      assert.equal(error.code, "INVALID_OPTION");
      assert.notInclude(error.message, "s3cr3t");
    }
  });
  const at: Parameters<typeof Cluster.start>[0][] = [
    { release: "0.9.0.1", sasl: {} },
    { release: "0.10.0.1", sasl: { mechanisms: ["SCRAM-SHA-256"] } },
    { sasl: { mechanisms: ["GSSAPI"] } },
    { sasl: { mechanisms: [] } },
    { sasl: { sessionLifetimeMs: -1 } },
    { sasl: { user: {} } as never },
  ];
  for (const options of at) assert.equal((await failure(Cluster.start(options))).code, "INVALID_OPTION");
  assert.equal(thrown(() => plain(null as never)).code, "INVALID_OPTION");
});

test("a strict cluster holds it against a client that asks for other things while it authenticates", async () => {
  const cluster = await Cluster.start({ strict: true, sasl: { users: USERS } });
  const line = await Line.to(cluster);
  await line.ask(saslHandshake, 1, { mechanism: "PLAIN" });
  assert.equal(await line.tryAsk(metadata, 12, { topics: [] }), "closed");
  line.close();
  const error = await failure(cluster.close());
  assert.equal(error.code, "PROTOCOL_ERROR");
  assert.include(error.message, "while the client was authenticating");
});
