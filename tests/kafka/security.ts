/** TLS and SASL on one secured cluster: every way in works, every wrong one fails at once by one clear error, and secrets can be changed. */

import { assert } from "chai";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import {
  type ClientEvent,
  type ConnectOptions,
  type KafkaClient,
  KafkaError,
  oauthBearer,
  plain,
  type SaslMechanism,
  scramSha256,
  scramSha512,
} from "@samsa/kafka";
import { alterUserScramCredentials } from "@samsa/kafka/protocol";
import { door } from "../package/door.ts";
import { Authority } from "../transport/authority.ts";
import { javaConsume, javaProduce } from "./java.ts";
import type { RealKafka } from "./launcher.ts";
import { atLeast } from "./releases.ts";
import { listenersOf, type Mechanism, mechanismsOf, type Secure, users } from "./secured.ts";

const TOPIC = "secured";
const DAY_MS = 24 * 3600_000;
/** Long enough for a JVM that is busy; far less than the ten seconds for which connect() would go on trying. */
const AT_ONCE_MS = 4_000;

/** How long a session lasts where it does not last for ever: shorter than the tests. */
export const SESSION_MS = 2_000;

/** Whether brokers of the release end sessions, with the setting `connections.max.reauth.ms`. */
export const renewsSessions = (release: string): boolean => atLeast(release, "2.2");

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A token without a signature, as brokers take it that were not told otherwise. */
function unsignedToken(name: string, from: Date, until: Date): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  return `${part({ alg: "none" })}.${part({ sub: name, iat: seconds(from), exp: seconds(until) })}.`;
}

const goodToken = (): string => unsignedToken("admin", new Date(Date.now() - 5_000), new Date(Date.now() + DAY_MS));

/** The way in of a user, by each mechanism. */
function login(mechanism: Mechanism, username: string, password: string): SaslMechanism {
  switch (mechanism) {
    case "PLAIN":
      return plain({ username, password });
    case "SCRAM-SHA-256":
      return scramSha256({ username, password });
    case "SCRAM-SHA-512":
      return scramSha512({ username, password });
    case "OAUTHBEARER":
      return oauthBearer({ token: goodToken });
  }
}

/** What a client says to the outside, whom it may tell no secret. */
class Ears {
  readonly events: ClientEvent[] = [];
  readonly #heard: unknown[] = [];

  /** Options for a client that is listened to. */
  get options(): Pick<ConnectOptions, "onEvent" | "log"> {
    const hear = (...words: unknown[]) => void this.#heard.push(words);
    return {
      onEvent: (event) => {
        this.events.push(event);
        this.#heard.push(event);
      },
      log: { debug: hear, info: hear, warn: hear, error: hear },
    };
  }

  /** How often it has dialled. */
  get dials(): number {
    return this.events.filter(({ type }) => type === "connected" || type === "connectFailed").length;
  }

  /** Fails if one of the secrets was told, here or in the error. */
  toldNone(secrets: readonly string[], error?: unknown): void {
    const all = inspect([this.#heard, error], {
      depth: 12,
      showHidden: true,
      maxStringLength: Infinity,
      maxArrayLength: Infinity,
    });
    // Texts of several lines are shown line by line; those of a key's frame are no secret.
    const lines = secrets.flatMap((secret) => secret.split("\n")).filter((line) =>
      line !== "" && !line.startsWith("--")
    );
    for (const [i, secret] of lines.entries()) assert.isFalse(all.includes(secret), `secret ${i} was told`);
  }
}

/** The tests of one cluster. */
export class SecurityCheck {
  readonly #kafka: RealKafka;
  readonly #ca: string;
  #count = 0;

  /** For a cluster that was started `secured`. */
  constructor(kafka: RealKafka) {
    this.#kafka = kafka;
    this.#ca = kafka.security.authority.cert;
  }

  get #release(): string {
    return this.#kafka.release;
  }

  /** Whether brokers keep it secret from strangers that there is a topic. */
  get #isHidden(): boolean {
    return atLeast(this.#release, "0.10.1") && !atLeast(this.#release, "1.0");
  }

  /** All of it, on a topic that is made for it. What waits goes on beside the rest. */
  async run(): Promise<void> {
    const [listeners, mechanisms] = [listenersOf(this.#release), mechanismsOf(this.#release)];
    await this.#kafka.createTopic(TOPIC, { partitions: 2 });
    await Promise.all([
      this.#inTurn(() => this.everyWayIn(), () => mechanisms.length > 1 ? this.besideJava() : undefined),
      listeners.includes("MTLS") ? this.certificatesRotate() : undefined,
      renewsSessions(this.#release) ? this.sessionsAreRenewed() : undefined,
      this.#inTurn(
        () => this.tlsIsRefused(),
        ...mechanisms.length > 0 ? [() => this.saslIsRefused(), () => this.strangersAreDenied()] : [],
      ),
    ]);
    if (mechanisms.includes("SCRAM-SHA-256")) await this.passwordsChange();
  }

  async #inTurn(...steps: readonly (() => Promise<void> | undefined)[]): Promise<void> {
    for (const step of steps) await step();
  }

  /** Options for a listener; who is to show a certificate shows one. */
  #way(listener: Secure, sasl?: SaslMechanism): ConnectOptions {
    const { security } = this.#kafka;
    const tls = { ca: this.#ca, ...listener === "MTLS" && security.client() };
    return { hosts: security.hosts[listener], ...(listener !== "SASL_PLAINTEXT" && { tls }), sasl };
  }

  /** A client for as long as `body` lasts. */
  async #connected(options: ConnectOptions, body: (client: KafkaClient, ears: Ears) => Promise<void>): Promise<void> {
    const ears = new Ears();
    const client = await door.connect({ ...options, ...ears.options });
    try {
      await body(client, ears);
    } finally {
      await client.close();
    }
    ears.toldNone([users.admin, users.alice]);
  }

  /** A message goes round, by connections of their own for producing and for consuming. */
  async #goesRound(client: KafkaClient, name: string): Promise<void> {
    const topic = await client.topic(TOPIC);
    const value = `${name} ${++this.#count}`;
    const producer = topic.producer();
    const { offset } = await producer.produce({ partition: 0, value });
    await producer.close();
    const seen: string[] = [];
    for await (const message of topic.simpleConsumer({ partitions: [0], from: offset, until: "end" })) {
      seen.push(message.text());
    }
    assert.deepEqual(seen, [value]);
  }

  /** By every listener, with every mechanism. */
  async everyWayIn(): Promise<void> {
    for (const listener of listenersOf(this.#release)) {
      const mechanisms = listener.startsWith("SASL") ? mechanismsOf(this.#release) : [undefined];
      for (const mechanism of mechanisms) {
        const sasl = mechanism && login(mechanism, "admin", users.admin);
        await this.#connected(this.#way(listener, sasl), async (client, ears) => {
          await this.#goesRound(client, `${listener} ${mechanism}`);
          const { events } = ears;
          const names = events.flatMap((event) =>
            event.type === "authenticated" && !event.again ? [event.mechanism] : []
          );
          assert.equal(names.length, mechanism ? ears.dials : 0, `${listener} ${mechanism}`);
          assert.isTrue(names.every((name) => name === mechanism));
        });
      }
    }
  }

  /** connect() fails at once: with this code, after hardly any dial, and without a secret. */
  async refused(
    options: ConnectOptions,
    code: string,
    words: RegExp,
    secrets: readonly string[] = [],
  ): Promise<void> {
    const ears = new Ears();
    const begun = Date.now();
    const error = await door.connect({ ...options, ...ears.options }).then(async (client) => {
      await client.close();
      return undefined;
    }, (error) => error);
    assert.instanceOf(error, KafkaError, `${code} was expected`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    assert.isFalse(error.retriable, error.message);
    assert.isBelow(Date.now() - begun, AT_ONCE_MS);
    assert.isAtMost(ears.dials, 2, "a hot loop");
    ears.toldNone([users.admin, users.alice, ...secrets], error);
  }

  /** Wrong certificates, no certificate, and speaking in TLS or in clear to who wants the other. */
  async tlsIsRefused(): Promise<void> {
    const { security, hosts } = this.#kafka;
    const [tls, ssl] = [{ ca: this.#ca }, security.hosts.SSL];
    await this.refused({ hosts: ssl, tls: true }, "TLS_FAILED", /authority.*tls\.ca/);
    await this.refused({ hosts: ssl, tls: { ca: new Authority().cert } }, "TLS_FAILED", /authority.*tls\.ca/);
    await this.refused({ hosts: ssl, tls: { ...tls, serverName: "b.example" } }, "TLS_FAILED", /another name/);
    await this.refused({ hosts: ssl }, "NOT_KAFKA", /TLS/);
    await this.refused({ hosts, tls }, "TLS_FAILED", /answers in clear.*without the option tls/);
    if (!listenersOf(this.#release).includes("MTLS")) return;
    const mtls = { hosts: security.hosts.MTLS };
    const old = security.client({ from: new Date(0), until: new Date(Date.now() - DAY_MS) });
    const other = new Authority().sign({ name: "trusted", use: "client" });
    await this.refused(mtls, "NOT_KAFKA", /TLS/);
    await this.refused({ ...mtls, tls }, "TLS_FAILED", /tls\.cert/);
    await this.refused({ ...mtls, tls: { ...tls, ...old } }, "TLS_FAILED", /tls\.cert/, [old.key]);
    await this.refused({ ...mtls, tls: { ...tls, ...other } }, "TLS_FAILED", /tls\.cert/, [other.key]);
  }

  /** Wrong credentials, and SASL where there is none, and none where there is. */
  async saslIsRefused(): Promise<void> {
    const { security, hosts } = this.#kafka;
    const tls = { ca: this.#ca };
    const [open, closed] = [{ hosts: security.hosts.SASL_PLAINTEXT }, { hosts: security.hosts.SASL_SSL, tls }];
    const sasl = login("PLAIN", "admin", users.admin);
    const secret = "not-the-secret";
    for (const mechanism of mechanismsOf(this.#release)) {
      if (mechanism === "OAUTHBEARER") continue;
      const wrong = login(mechanism, "admin", secret);
      await this.refused({ ...closed, sasl: wrong }, "SASL_AUTHENTICATION_FAILED", /./, [secret]);
      const nobody = login(mechanism, "nobody", secret);
      await this.refused({ ...open, sasl: nobody }, "SASL_AUTHENTICATION_FAILED", /./, [secret]);
    }
    if (mechanismsOf(this.#release).includes("OAUTHBEARER")) {
      const expired = unsignedToken("admin", new Date(0), new Date(Date.now() - DAY_MS));
      const way = { ...closed, sasl: oauthBearer({ token: expired }) };
      await this.refused(way, "SASL_AUTHENTICATION_FAILED", /./, [expired, expired.split(".")[1]!]);
    }
    const unknown: SaslMechanism = {
      name: "X-NONE",
      authenticate: async ({ exchange }) => void await exchange(new Uint8Array(1)),
    };
    await this.refused({ ...open, sasl: unknown }, "UNSUPPORTED_SASL_MECHANISM", /X-NONE/);
    await this.refused(open, "ILLEGAL_SASL_STATE", /option sasl/);
    await this.refused(closed, "ILLEGAL_SASL_STATE", /option sasl/);
    await this.refused({ hosts, sasl }, "ILLEGAL_SASL_STATE", /./);
    await this.refused({ hosts: security.hosts.SSL, tls, sasl }, "ILLEGAL_SASL_STATE", /./);
    await this.refused({ hosts: security.hosts.SASL_SSL, sasl }, "NOT_KAFKA", /TLS/);
    await this.refused({ ...open, tls, sasl }, "TLS_FAILED", /answers in clear/);
  }

  /** Who is let in and may do nothing is told so. */
  async strangersAreDenied(): Promise<void> {
    const code = this.#isHidden ? "UNKNOWN_TOPIC_OR_PARTITION" : "TOPIC_AUTHORIZATION_FAILED";
    const alice = login("PLAIN", "alice", users.alice);
    await this.#connected(this.#way("SASL_SSL", alice), async (client) => {
      const error = await client.topic(TOPIC).then(() => undefined, (error) => error);
      assert.equal((error as KafkaError).code, code);
      assert.equal((error as KafkaError).topic, TOPIC);
    });
  }

  /** The function is asked for each connection: what it gives is shown, and what has expired meanwhile is not. */
  async certificatesRotate(): Promise<void> {
    const { security } = this.#kafka;
    const until = new Date(Date.now() + 2_500);
    const first = security.client({ until });
    let identity = first;
    const tls = () => Promise.resolve({ ca: this.#ca, ...identity });
    await this.#connected({ hosts: security.hosts.MTLS, tls }, async (client, ears) => {
      const topic = await client.topic(TOPIC);
      const producer = topic.producer();
      await producer.produce({ partition: 1, value: "by the first" });
      const { dials } = ears;
      await sleep(until.getTime() + 1_100 - Date.now()); // certificates count in whole seconds
      await producer.produce({ partition: 1, value: "by the first, on its old connection" });
      assert.equal(ears.dials, dials);
      const read = async () => {
        for await (const message of topic.simpleConsumer({ partitions: [1], until: "end" })) {
          assert.isNotNull(message.value);
        }
        return "read";
      };
      assert.equal(await read().catch((error) => error.code), "TLS_FAILED");
      identity = security.client();
      assert.equal(await read(), "read");
      identity = security.authority.sign({ name: "nobody", use: "client" });
      // A topic that is not there may be made, so there it would be waited for.
      if (!this.#isHidden) assert.equal(await read().catch((error) => error.code), "TOPIC_AUTHORIZATION_FAILED");
      await producer.close();
    });
  }

  /** Over TLS with SCRAM: the session is renewed on the connection, again and again, and nothing is lost (KIP-368). */
  async sessionsAreRenewed(): Promise<void> {
    const sasl = scramSha512({ username: "admin", password: users.admin });
    await this.#connected(this.#way("SASL_SSL", sasl), async (client, ears) => {
      const producer = (await client.topic(TOPIC)).producer();
      const end = Date.now() + 2.5 * SESSION_MS;
      while (Date.now() < end) {
        await Promise.all([1, 2, 3].map(() => producer.produce({ partition: 1, value: "renewed" })));
      }
      await producer.close();
      const renewed = ears.events.filter((event) => event.type === "authenticated" && event.again);
      assert.isAtLeast(renewed.length, 2);
      assert.deepEqual(ears.events.filter(({ type }) => type === "disconnected"), []);
    });
  }

  /**
   * The password of a user changes while clients are connected: who asks a function goes on, who does not is refused at the next
   * connection, once and clearly. Brokers restart meanwhile.
   */
  async passwordsChange(): Promise<void> {
    const changed = "another-secret";
    let password: string = users.admin;
    const asking = scramSha256(() => ({ username: "admin", password }));
    const stuck = scramSha256({ username: "admin", password });
    await this.#connected(this.#way("SASL_SSL", asking), async (client) => {
      await this.#connected(this.#way("SASL_SSL", stuck), async (other, ears) => {
        const [mine, theirs] = [client, other].map(async (one) => (await one.topic(TOPIC)).producer());
        const [producer, refused] = [await mine!, await theirs!];
        await producer.produce({ partition: 0, value: "before" });
        await refused.produce({ partition: 0, value: "before" });
        await this.#setPassword("admin", changed);
        password = changed;
        await this.#kafka.kill(1);
        const waiting = producer.produce({ partition: 0, value: "while it restarts" });
        await this.#kafka.start(1);
        await waiting;
        const { dials } = ears;
        const end = Date.now() + 1_000;
        const codes = new Set<string>();
        while (Date.now() < end) {
          await refused.produce({ partition: 0, value: "refused" }).then(() => codes.add("written"), (error) => {
            codes.add(error.code);
            ears.toldNone([users.admin, changed], error);
          });
        }
        assert.deepEqual([...codes], ["SASL_AUTHENTICATION_FAILED"]);
        assert.isBelow(ears.dials - dials, 30, "a hot loop");
        await producer.close();
        await refused.close().catch(() => {});
      });
    });
  }

  /** By ZooKeeper where there is one, else by a request (KIP-554), for which the password is salted here. */
  async #setPassword(name: string, password: string): Promise<void> {
    const { security, zookeeper, hosts } = this.#kafka;
    if (zookeeper !== undefined) {
      const tool = (main: string, args: readonly string[]) => this.#kafka.tool(main, args);
      return await security.addUsers(zookeeper, tool, { [name]: password });
    }
    const [salt, iterations] = [randomBytes(16), 4096];
    const saltedPassword = pbkdf2Sync(password, salt, iterations, 32, "sha256");
    await this.#connected({ hosts }, async (client) => {
      const body = { deletions: [], upsertions: [{ name, mechanism: 1, iterations, salt, saltedPassword }] };
      const { results } = await client.request(alterUserScramCredentials, body, { controller: true });
      assert.deepEqual(results.map(({ errorCode }) => errorCode), [0]);
    });
  }

  /** Over TLS and SASL the release's own client reads what we wrote, and we read what it wrote. */
  async besideJava(): Promise<void> {
    const { security, release } = this.#kafka;
    const java = {
      hosts: security.hosts.SASL_SSL,
      release,
      tool: (main: string, args: readonly string[], input?: string) => this.#kafka.tool(main, args, input),
    };
    const settings = security.javaSettings("SASL_SSL");
    await this.#connected(this.#way("SASL_SSL", login("PLAIN", "admin", users.admin)), async (client) => {
      const topic = await client.topic(TOPIC);
      const from = (await topic.latestOffsets()).get(0)!;
      const producer = topic.producer();
      await producer.produce({ partition: 0, value: "ours" });
      await producer.close();
      const value = new TextEncoder().encode("theirs");
      await javaProduce(java, [{ topic: TOPIC, records: [{ partition: 0, key: null, value }] }], settings);
      const texts: string[] = [];
      const reading = topic.simpleConsumer({ partitions: [0], from, until: "end" });
      for await (const message of reading) texts.push(message.text());
      assert.deepEqual(texts, ["ours", "theirs"]);
      const records = (await javaConsume(java, TOPIC, settings)).filter(({ partition }) => partition === 0);
      assert.deepEqual(records.slice(from).map((record) => new TextDecoder().decode(record.value!)), texts);
    });
  }
}
