/** The client: its options, what it knows of the cluster, and that closing it closes all that was made with it. */

import { assert } from "chai";
import { KafkaClient } from "../../../src/client/client.ts";
import { type ClientOptions, clientSettings } from "../../../src/client/options.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { failure, play, thrown } from "./rig.ts";

const dial: Dial = () => Promise.reject(new Error("not dialled here"));

function settings(options: Partial<ClientOptions>) {
  return clientSettings({ hosts: "a", dial, ...options });
}

test("hosts are a text or a list, with or without ports, each once", () => {
  const hostsOf = (hosts: string | readonly string[]) => settings({ hosts }).hosts.map((it) => `${it.host} ${it.port}`);
  assert.deepEqual(hostsOf("a"), ["a 9092"]);
  assert.deepEqual(hostsOf(" a:1 , b:2,,a:1"), ["a 1", "b 2"]);
  assert.deepEqual(hostsOf(["a:1,b", "[::1]:5", "[fe80::2]", "10.0.0.1:7"]), [
    "a 1",
    "b 9092",
    "::1 5",
    "fe80::2 9092",
    "10.0.0.1 7",
  ]);
});

test("an option that is wrong is named with what is allowed", () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ hosts: "" }, /hosts names no host/],
    [{ hosts: undefined }, /hosts is missing/],
    [{ hosts: 5 }, /hosts must be a text/],
    [{ hosts: "a:0" }, /"a:0" is not like "host:9092"/],
    [{ hosts: "http://a:1" }, /is not like "host:9092"/],
    [{ hosts: "a:99999" }, /is not like "host:9092"/],
    [{ dial: undefined }, /dial is missing/],
    [{ clientId: "" }, /clientId must be a text that is not empty/],
    [{ requestTimeoutMs: 0 }, /requestTimeoutMs must be a whole number from 1/],
    [{ backoffMs: "5" }, /backoffMs must be a whole number/],
    [{ tls: "yes" }, /tls must be/],
    [{ codecs: 5 }, /codecs must be an object/],
    [{ signal: {} }, /signal must be an AbortSignal/],
    [{ brokers: "a" }, /has no option brokers; it knows hosts, /],
  ];
  for (const [options, message] of wrong) {
    const error = thrown(() => settings(options as Partial<ClientOptions>));
    assert.equal(error.code, "INVALID_OPTION");
    assert.match(error.message, message);
  }
  assert.equal(thrown(() => clientSettings(5 as never)).code, "INVALID_OPTION");
});

test("tls may be left out, true, an object, or a function", async () => {
  assert.isUndefined(settings({}).tls);
  assert.isUndefined(settings({ tls: false }).tls);
  assert.deepEqual(await settings({ tls: true }).tls!(), {});
  assert.deepEqual(await settings({ tls: { ca: "x" } }).tls!(), { ca: "x" });
  assert.deepEqual(await settings({ tls: () => ({ ca: "y" }) }).tls!(), { ca: "y" });
});

test("a client knows topics, brokers and the controller, and learns of more", () =>
  play({ brokers: 3, topics: { a: { partitions: 2 }, b: {} } }, async ({ client, cluster }) => {
    assert.deepEqual([...client.topics.keys()].sort(), ["a", "b"]);
    assert.deepEqual([...client.brokers.keys()].sort(), [1, 2, 3]);
    assert.equal(client.controller?.id, cluster.controllerId);
    assert.equal(client.clusterId, cluster.clusterId);
    await cluster.createTopic("c");
    assert.isFalse(client.topics.has("c"));
    await client.refresh();
    assert.isTrue(client.topics.has("c"));
    const topic = await client.topic("a");
    assert.deepEqual([...topic.partitions.keys()], [0, 1]);
    assert.equal(topic.id, cluster.topics.get("a")!.id);
    const error = await failure(client.topic("nowhere"));
    assert.deepEqual([error.code, error.topic], ["UNKNOWN_TOPIC_OR_PARTITION", "nowhere"]);
    await cluster.createTopic("later");
    assert.equal((await client.topic("later")).name, "later");
  }));

test("a topic tells where its logs begin, end, and pass a time", () =>
  play({ topics: { t: { partitions: 2 } } }, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    const producer = topic.producer();
    await producer.produce([10, 20, 30].map((timestamp) => ({ value: "x", partition: 1, timestamp })));
    cluster.deleteRecords("t", 1, 1);
    assert.deepEqual([...await topic.earliestOffsets()], [[0, 0], [1, 1]]);
    assert.deepEqual([...await topic.latestOffsets()], [[0, 0], [1, 3]]);
    assert.deepEqual([...await topic.offsetsAt(new Date(25))], [[0, 0], [1, 2]]);
    assert.deepEqual([...await topic.offsetsAt(new Date(99))], [[0, 0], [1, 3]]);
    assert.equal((await failure(topic.offsetsAt(new Date(NaN)))).code, "INVALID_OPTION");
    assert.equal((await failure(topic.offsetsAt("now" as never))).code, "INVALID_OPTION");
  }));

test("closing a client closes its producers and consumers first, and leaves nothing", () =>
  play({}, async ({ connect, cluster }) => {
    const client = await connect();
    const topic = await client.topic("t");
    const producer = topic.producer({ lingerMs: 60_000 });
    const consumer = topic.simpleConsumer();
    const loop = (async () => {
      for await (const message of consumer) void message;
    })();
    producer.enqueue("a");
    await Promise.all([client.close(), client.close()]);
    await loop;
    assert.equal(cluster.partition("t", 0).log.endOffset, 1);
    assert.equal((await failure(producer.produce("b"))).code, "CLOSED");
    assert.equal(thrown(() => client.producer()).code, "CLOSED");
    assert.equal(thrown(() => topic.simpleConsumer()).code, "CLOSED");
    assert.equal((await failure(client.topic("t"))).code, "CLOSED");
    assert.equal((await failure(client.refresh())).code, "CLOSED");
    assert.equal((await failure(topic.latestOffsets())).code, "CLOSED");
  }));

test("a failure of enqueue is thrown by the client's close, after all is closed", () =>
  play({}, async ({ connect }) => {
    const client = await connect();
    (await client.topic("t")).producer().enqueue({ value: "a", partition: 5 });
    assert.equal((await failure(client.close())).code, "INVALID_OPTION");
  }));

test("nobody there: the client says who was asked, and what each said", () =>
  play({}, async ({ network, connect, cluster, process }) => {
    network.refusing.add(cluster.hosts);
    const error = await failure(connect({ bootstrapTimeoutMs: 1000 }));
    assert.equal(error.code, "NO_BROKERS");
    assert.match(error.message, /broker-1:9092/);
    const reason = { name: "mine" };
    const controller = new AbortController();
    controller.abort(reason);
    try {
      await KafkaClient.connect({ hosts: "a", dial, world: process, signal: controller.signal });
      assert.fail("it connected");
    } catch (thrown) {
      assert.equal(thrown, reason);
    }
  }));
