/** The producer on an embedded cluster: what is acknowledged is there, in order; what is not says why; everything settles once. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { partitionOfKey } from "../../../src/producer/partitioner.ts";
import type { Deferred } from "../../../src/base/world.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { DeliveryReport } from "../../../src/producer/call.ts";
import { releaseNames } from "../../../src/testing/releases.ts";
import type { ClientEvent } from "../../../src/base/events.ts";
import { test } from "../../harness.ts";
import { failure, play, texts, thrown } from "../client/rig.ts";

test("a message, a list and an empty list resolve with where they went", () =>
  play({}, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer();
    const one = await producer.produce("a");
    assert.deepEqual(one, { topic: "t", partition: 0, offset: 0, timestamp: one.timestamp });
    assert.closeTo(one.timestamp, process.wall(), 1000);
    const list = await producer.produce(["b", { value: "c", timestamp: 5 }]);
    assert.deepEqual(list.map(({ offset }) => offset), [1, 2]);
    assert.equal(list[1]!.timestamp, 5);
    assert.deepEqual(await producer.produce([]), []);
    assert.deepEqual(await texts(cluster), ["a", "b", "c"]);
  }));

test("every release takes messages of every shape, with and without compression", async () => {
  for (const release of releaseNames) {
    await play({ release }, async ({ client, cluster }) => {
      const topic = await client.topic("t");
      for (const compression of ["none", "snappy"] as const) {
        const producer = topic.producer({ compression });
        await producer.produce([{ key: "k", value: "v" }, { value: null }, { key: Uint8Array.of(0, 255), value: "ü" }]);
        await producer.close();
      }
      const records = await cluster.records("t", 0);
      const shapes = records.map(({ key, value }) => [key && [...key], value && [...value]]);
      const three = [[[107], [118]], [null, null], [[0, 255], [195, 188]]];
      assert.deepEqual(shapes, [...three, ...three], release);
    });
  }
});

test("a key chooses its partition as Java's client does, a message may name one, and a partitioner replaces both", () =>
  play({ topics: { t: { partitions: 5 } } }, async ({ client }) => {
    const topic = await client.topic("t");
    const producer = topic.producer();
    const keys = ["a", "b", "c", "d", "e", "f"];
    const deliveries = await producer.produce(keys.map((key) => ({ key })));
    assert.deepEqual(deliveries.map(({ partition }) => partition), keys.map((key) => partitionOfKey(key, 5)));
    assert.equal((await producer.produce({ key: "a", partition: 3 })).partition, 3);
    const mine = topic.producer({ partitioner: ({ key }, count) => Number(key) % count });
    assert.equal((await mine.produce({ key: "7" })).partition, 2);
    const bad = await failure(mine.produce({ key: "x" }));
    assert.equal(bad.code, "INVALID_OPTION");
    assert.match(bad.message, /NaN is none of them/);
    const throwing = topic.producer({
      partitioner() {
        throw new Error("mine");
      },
    });
    assert.match((await failure(throwing.produce("x"))).message, /mine/);
  }));

test("calls that share a batch get their own places in it", () =>
  play({ topics: { t: { partitions: 2 } } }, async ({ client, cluster }) => {
    const told: DeliveryReport[] = [];
    const producer = (await client.topic("t")).producer({ lingerMs: 50, onDelivery: (report) => told.push(report) });
    producer.enqueue({ value: "e0", partition: 1, timestamp: 5 });
    const ends = await Promise.all([
      producer.produce([{ value: "a0", partition: 1 }, { value: "a1", partition: 0 }, { value: "a2", partition: 1 }]),
      producer.produce({ value: "b0", partition: 1 }),
      producer.produce([{ value: "c0", partition: 0 }, { value: "c1", partition: 1 }]),
    ]);
    producer.enqueue([{ value: "e1", partition: 1 }, { value: "e2", partition: 1 }]);
    await producer.close();
    const places = ends.flat().map(({ partition, offset }) => `${partition}/${offset}`);
    assert.deepEqual(places, ["1/1", "0/0", "1/2", "1/3", "0/1", "1/4"]);
    const values = (await cluster.records("t", 1)).map(({ value }) => new TextDecoder().decode(value!));
    assert.deepEqual(values, ["e0", "a0", "a2", "b0", "c1", "e1", "e2"]);
    assert.lengthOf(told, 9);
    const offsets = told.map((report) => report instanceof KafkaError ? -1 : report.partition * 100 + report.offset);
    assert.deepEqual(offsets.toSorted((a, b) => a - b), [0, 1, 100, 101, 102, 103, 104, 105, 106]);
    assert.include(told[0], { partition: 1, offset: 0, timestamp: 5 });
  }));

test("zstd is refused by name where the leader cannot hold it, before anything is sent", async () => {
  const zstd = { compress: (bytes: Uint8Array) => bytes, decompress: (bytes: Uint8Array) => bytes };
  for (
    const [release, takes] of [["0.10.2.2", false], ["0.11.0.3", false], ["1.1", false], ["2.8.2", true]] as const
  ) {
    await play({ release, client: { codecs: { zstd } } }, async ({ client, cluster }) => {
      let requests = 0;
      cluster.control(produce, () => void requests++, Infinity);
      const producer = (await client.topic("t")).producer({ compression: "zstd" });
      if (takes) return void assert.equal((await producer.produce("a")).offset, 0);
      const error = await failure(producer.produce("a"));
      assert.deepEqual([error.code, error.persisted], ["UNSUPPORTED_COMPRESSION_TYPE", "no"], release);
      assert.match(error.message, /2\.1/);
      assert.equal(requests, 0);
    });
  }
});

test("callers who each await their own message share requests, and one alone waits for no timer", () =>
  play({ topics: { t: { partitions: 3 } } }, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer();
    await producer.produce("the first finds out who leads");
    let requests = 0;
    cluster.control(produce, () => void requests++, Infinity);
    const caller = async () => {
      for (let i = 0; i < 5; i++) await producer.produce("x");
    };
    await Promise.all(Array.from({ length: 256 }, caller));
    assert.isAtMost(requests, 20);
    await process.sleep(1000); // what the others have begun is over
    const original = process.timer;
    const delays: number[] = [];
    process.timer = (ms, fire) => {
      delays.push(ms);
      return original.call(process, ms, fire);
    };
    await producer.produce("alone");
    process.timer = original;
    assert.isEmpty(delays.filter((ms) => ms < 1000), "no short timer was set");
  }));

test("enqueuing costs no promise, and not even a call, for a message", () =>
  play({ topics: { t: { partitions: 3 } } }, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer();
    await producer.produce("the first finds out who leads");
    const original = process.deferred;
    let made = 0;
    process.deferred = function <T>(name: string) {
      made++;
      return original.call(process, name) as Deferred<T>;
    };
    for (let i = 0; i < 100_000; i++) assert.isUndefined(producer.enqueue("x"));
    assert.isBelow(made, 10);
    process.deferred = original;
    await producer.flush();
    let count = 0;
    for (const partition of [0, 1, 2]) count += (await cluster.records("t", partition)).length;
    assert.equal(count, 100_001);
  }));

test("a list with a message that cannot go tells of each, and sends the others", () =>
  play({}, async ({ client, cluster }) => {
    const told: DeliveryReport[] = [];
    const producer = (await client.topic("t")).producer({ onDelivery: (report) => told.push(report) });
    const error = await failure(producer.produce(["a", { value: "b", partition: 9 }, "c"]));
    assert.equal(error.code, "INVALID_OPTION");
    assert.equal(error.persisted, "no");
    const reports = error.reports as DeliveryReport[];
    assert.deepEqual(reports.map((report) => report instanceof KafkaError ? report.code : report.offset), [
      0,
      "INVALID_OPTION",
      1,
    ]);
    assert.deepEqual(told, reports);
    assert.deepEqual(await texts(cluster), ["a", "c"]);
    assert.deepEqual(thrown(() => producer.enqueue({ value: 5 as never })).code, "INVALID_OPTION");
  }));

test("a refused batch goes again with the same bytes, and nothing overtakes it", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ batchBytes: 1 });
    const seen: string[] = [];
    cluster.control(produce, ({ body }) => {
      const [{ name, topicId, partitionData }] = body.topicData as [typeof body.topicData[0]];
      seen.push(String(partitionData[0]!.records));
      return { responses: [{ name, topicId, partitionResponses: [{ index: 0, errorCode: 6, baseOffset: -1 }] }] };
    }, 3);
    const deliveries = await producer.produce(["a", "b", "c"]);
    assert.deepEqual(deliveries.map(({ offset }) => offset), [0, 1, 2]);
    assert.lengthOf(seen, 3);
    assert.lengthOf(new Set(seen), 1);
    assert.deepEqual(await texts(cluster), ["a", "b", "c"]);
  }));

test("without numbers a lost answer is made up for by a duplicate, never by a loss", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ idempotent: false });
    cluster.control(produce, async ({ answer }) => {
      await answer();
      return "close" as const;
    });
    assert.equal((await producer.produce("a")).offset, 1);
    assert.deepEqual(await texts(cluster), ["a", "a"]);
  }));

test("P17: acks 0 resolves with no offset when it is written", () =>
  play({}, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer({ acks: 0 });
    assert.equal((await producer.produce("a")).offset, -1);
    await process.sleep(100);
    assert.deepEqual(await texts(cluster), ["a"]);
  }));

test("P17: with acks 0 a broker that hangs up, or answers what needs no answer, is told as an event; what comes next goes on", async () => {
  for (const end of ["close", "answer"] as const) {
    const lost: unknown[] = [];
    const onEvent = (event: ClientEvent) => {
      if (event.type === "disconnected" && !event.expected) lost.push((event.error as KafkaError).code);
    };
    await play({ client: { onEvent } }, async ({ client, cluster, process }) => {
      const producer = (await client.topic("t")).producer({ acks: 0 });
      await producer.produce("a");
      await process.sleep(200);
      cluster.control(produce, async ({ answer, body }) => {
        await answer();
        if (end === "close") return end;
        const [{ name, topicId, partitionData }] = body.topicData as [typeof body.topicData[0]];
        const partitionResponses = partitionData.map(({ index }) => ({ index, errorCode: 0, baseOffset: 1 }));
        return { responses: [{ name, topicId, partitionResponses }] };
      });
      assert.equal((await producer.produce("b")).offset, -1);
      await process.sleep(200);
      await producer.produce("c");
      await process.sleep(200);
      assert.deepEqual(await texts(cluster), ["a", "b", "c"]);
    });
    assert.deepEqual(lost, [end === "close" ? "CONNECTION_CLOSED" : "PROTOCOL_ERROR"]);
  }
});

test("a batch that is too large for a topic is split; what is too large by itself fails alone", () =>
  play({ topics: { t: { configs: { "max.message.bytes": "300" } } } }, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ lingerMs: 10 });
    const values = Array.from({ length: 20 }, (_, i) => `${i} `.padEnd(50, "."));
    const deliveries = await producer.produce(values);
    assert.deepEqual(deliveries.map(({ offset }) => offset), values.map((_, i) => i));
    const error = await failure(producer.produce(["a", "x".repeat(400), "b"]));
    assert.equal(error.code, "MESSAGE_TOO_LARGE");
    assert.equal(error.persisted, "no");
    const reports = error.reports as DeliveryReport[];
    assert.deepEqual(reports.map((report) => report instanceof KafkaError), [false, true, false]);
    assert.deepEqual(await texts(cluster), [...values, "a", "b"]);
  }));

test("headers before 0.11 fail the message that has them, and no other", () =>
  play({ release: "0.10.2.2" }, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ lingerMs: 10 });
    const error = await failure(producer.produce(["a", { value: "b", headers: [["h", "1"]] }, "c"]));
    assert.equal(error.code, "UNSUPPORTED_FEATURE");
    assert.deepEqual(await texts(cluster), ["a", "c"]);
  }));

test("P22: an unknown topic is believed after a second look; an unknown partition is named", () =>
  play({}, async ({ client }) => {
    const producer = client.producer();
    const error = await failure(producer.produce({ topic: "nowhere", value: "x" }));
    assert.equal(error.code, "UNKNOWN_TOPIC_OR_PARTITION");
    assert.equal(error.topic, "nowhere");
    assert.equal((await producer.produce({ topic: "t", value: "x" })).offset, 0);
    assert.equal((await failure(producer.produce("no topic"))).code, "INVALID_OPTION");
  }));

test("messages for a partition without a leader wait, and hold up no other partition", () =>
  play({ brokers: 2, topics: { t: { partitions: 2 } } }, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer();
    const down = cluster.partition("t", 0).leader;
    await producer.produce([{ value: "a", partition: 0 }, { value: "b", partition: 1 }]);
    await cluster.kill(down);
    await client.refresh();
    let isDelivered = false;
    const waiting = producer.produce({ value: "c", partition: 0 }).then(() => isDelivered = true);
    await producer.produce({ value: "d", partition: 1 });
    assert.isFalse(isDelivered);
    await process.sleep(2000);
    await cluster.start(down);
    await waiting;
    assert.deepEqual(await texts(cluster, 0), ["a", "c"]);
    assert.deepEqual(await texts(cluster, 1), ["b", "d"]);
  }));

test("another replica takes over, and messages go on in order", () =>
  play({ brokers: 3, topics: { t: { replicationFactor: 3 } } }, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer();
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < 6; i++) {
      sent.push(producer.produce(`${i}`));
      if (i === 2) await sent[0];
      if (i === 3) cluster.moveLeader("t", 0, cluster.partition("t", 0).replicas[1]!);
    }
    await Promise.all(sent);
    assert.deepEqual(await texts(cluster), ["0", "1", "2", "3", "4", "5"]);
  }));

test("invalid options are named with what is allowed", () =>
  play({}, async ({ client }) => {
    const topic = await client.topic("t");
    const error = thrown(() => topic.producer({ acks: 2 as never }));
    assert.equal(error.code, "INVALID_OPTION");
    assert.match(error.message, /acks must be "all", -1, 0, 1, not 2/);
    assert.match(thrown(() => topic.producer({ linger: 1 } as never)).message, /has no option linger/);
    assert.equal(thrown(() => topic.producer({ compression: "gzip" })).code, "UNSUPPORTED_COMPRESSION_TYPE");
  }));
