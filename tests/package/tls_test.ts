/** Applications over TLS, tested with the embedded cluster: it listens by a door, with certificates of its own. */

import { type ClientEvent, type ConnectOptions, type KafkaClient, KafkaError, type SimpleConsumer } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";
import { assert } from "chai";
import { test } from "../harness.ts";
import { Authority } from "../transport/authority.ts";
import type { Identity } from "../transport/certificates.ts";
import { door, runtime } from "./door.ts";

const LOCAL = { dns: ["localhost"], ips: ["127.0.0.1"] };
const HOUR_MS = 3600_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Brokers that show what `identity` gives when they start, and believe clients of `ca`, if that is given. */
function secured(identity: () => Identity, ca?: string): Promise<Cluster> {
  const listen: typeof door.listen = (address) => door.listen(address, { tls: { ...identity(), ca } });
  return Cluster.start({ brokers: 2, topics: { orders: { partitions: 2 } }, listen });
}

/** A client for as long as `body` lasts, with all that it tells of. */
async function connected(
  options: ConnectOptions,
  body: (client: KafkaClient, events: ClientEvent[]) => Promise<void>,
): Promise<void> {
  const events: ClientEvent[] = [];
  const client = await door.connect({ ...options, onEvent: (event) => void events.push(event) });
  try {
    await body(client, events);
  } finally {
    await client.close();
  }
}

async function goesRound(client: KafkaClient, count: number): Promise<void> {
  const topic = await client.topic("orders");
  const producer = topic.producer();
  await producer.produce(Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: `order ${i}` })));
  await producer.close();
  let seen = 0;
  for await (const _ of topic.simpleConsumer({ until: "end" })) seen++;
  assert.isAtLeast(seen, count);
}

/** The error of a promise, and how many milliseconds it took. */
async function failed(work: Promise<unknown>): Promise<{ error: KafkaError; ms: number }> {
  const begun = Date.now();
  const error = await work.then(() => undefined, (error) => error);
  assert.instanceOf(error, KafkaError);
  return { error, ms: Date.now() - begun };
}

test("tls: what goes round over TLS, with certificates that a function gives anew for each connection", async () => {
  const root = new Authority();
  await using cluster = await secured(() => root.sign(LOCAL));
  let asked = 0;
  const tls = () => {
    asked++;
    return { ca: root.cert };
  };
  await connected({ hosts: cluster.hosts, tls }, async (client, events) => {
    await goesRound(client, 1000);
    assert.equal(asked, events.filter(({ type }) => type === "connected").length);
    assert.isAbove(asked, 2);
  });
  const hosts = cluster.hosts.replaceAll("127.0.0.1", "localhost");
  await connected({ hosts, tls: { ca: root.cert } }, (client) => goesRound(client, 1));
});

test("tls: what cannot heal fails connect() at once, with the one error that says why", async () => {
  const root = new Authority();
  await using clear = await Cluster.start({ listen: door.listen });
  await using cluster = await secured(() => root.sign(LOCAL));
  const old = new Date(Date.now() - HOUR_MS);
  await using expired = await secured(() => root.sign({ ...LOCAL, from: new Date(0), until: old }));
  await using named = await secured(() => root.sign({ dns: ["broker.example"] }));
  const cases: [Cluster, ConnectOptions["tls"], string, RegExp][] = [
    [cluster, true, "TLS_FAILED", /tls\.ca/],
    [cluster, { ca: new Authority().cert }, "TLS_FAILED", /tls\.ca/],
    [cluster, undefined, "NOT_KAFKA", /TLS/],
    [cluster, { ca: "ca.pem" }, "INVALID_OPTION", /tls\.ca/],
    [clear, { ca: root.cert }, "TLS_FAILED", /without the option tls/],
    [expired, { ca: root.cert }, "TLS_FAILED", /expired/],
    [named, { ca: root.cert }, "TLS_FAILED", /tls\.serverName/],
  ];
  for (const [{ hosts }, tls, code, words] of cases) {
    const events: ClientEvent[] = [];
    const { error, ms } = await failed(door.connect({ hosts, tls, onEvent: (event) => void events.push(event) }));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    assert.isFalse(error.retriable);
    assert.isBelow(ms, 5000);
    assert.isAtMost(events.length, hosts.split(",").length, "one failure a host");
  }
  await connected({ hosts: named.hosts, tls: { ca: root.cert, serverName: "broker.example" } }, (client) => {
    return goesRound(client, 1);
  });
});

/** Reads until the last message, whatever fails meanwhile; gives the codes of that. */
async function readOn(consumer: SimpleConsumer, seen: string[]): Promise<string[]> {
  const codes: string[] = [];
  for (;;) {
    try {
      for await (const message of consumer) {
        seen.push(message.text());
        if (seen.at(-1) === "last") break;
      }
      return codes; // that was the last, or the consumer has been closed
    } catch (error) {
      codes.push((error as KafkaError).code);
      assert.isBelow(codes.length, 100, "a hot loop");
    }
  }
}

test("tls: a broker's certificate that expires fails what needs a new connection, without a hot loop, until it is renewed", async () => {
  const root = new Authority();
  let identity = root.sign(LOCAL);
  await using cluster = await secured(() => identity);
  const restart = async (next: Identity) => {
    identity = next;
    for (const { id } of cluster.brokers) await cluster.kill(id);
    for (const { id } of cluster.brokers) await cluster.start(id);
  };
  await connected({ hosts: cluster.hosts, tls: { ca: root.cert } }, async (client, events) => {
    const topic = await client.topic("orders");
    const producer = topic.producer();
    const consumer = topic.simpleConsumer();
    const seen: string[] = [];
    const reading = readOn(consumer, seen);
    await producer.produce({ key: "k", value: "first" });

    await restart(root.sign({ ...LOCAL, from: new Date(0), until: new Date(Date.now() - HOUR_MS) }));
    const end = Date.now() + 1000;
    let last = "";
    while (Date.now() < end) last = (await failed(producer.produce({ key: "k", value: "refused" }))).error.code;
    assert.equal(last, "TLS_FAILED");
    const failures = events.filter(({ type }) => type === "connectFailed").length;
    assert.isBelow(failures, 40, "a hot loop");

    await restart(root.sign(LOCAL));
    const write = () => producer.produce({ key: "k", value: "last" }).then(() => true, () => false);
    while (!await write()) await sleep(20);
    assert.include(await reading, "TLS_FAILED");
    assert.deepEqual(seen, ["first", "last"]);
    await consumer.close();
    await producer.close();
  });
});

test("tls: brokers that ask their clients for certificates, where the platform's listener can", async () => {
  const [root, clients] = [new Authority(), new Authority()];
  const starting = secured(() => root.sign(LOCAL), clients.cert);
  if (runtime === "deno") return assert.equal((await failed(starting)).error.code, "UNSUPPORTED_FEATURE");
  await using cluster = await starting;
  const { hosts } = cluster;
  const own = clients.sign({ name: "app", use: "client" });
  await connected({ hosts, tls: { ca: root.cert, ...own } }, (client) => goesRound(client, 10));
  const { error, ms } = await failed(door.connect({ hosts, tls: { ca: root.cert } }));
  assert.equal(error.code, "TLS_FAILED", error.message);
  assert.match(error.message, /tls\.cert/);
  assert.isBelow(ms, 5000);
});
