/** What a client tells of its work: events with all their fields in a run by script, metrics that add up with what went over the wire, lines of a log. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import type { ClientEvent } from "../../../src/base/events.ts";
import { quantile } from "../../../src/base/histogram.ts";
import type { Logger } from "../../../src/base/log.ts";
import type { ClientMetrics, RequestMetrics } from "../../../src/base/metrics.ts";
import { clientSettings } from "../../../src/client/options.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Cluster } from "../../../src/testing/cluster.ts";
import { dialOf } from "../../../src/testing/network.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { failure, play, thrown } from "./rig.ts";

const BROKER = "broker-1:9092";

type EventOf<T extends ClientEvent["type"]> = Extract<ClientEvent, { type: T }>;

/** Keeps events, and finds those of a type. */
function keeping() {
  const events: ClientEvent[] = [];
  const onEvent = (event: ClientEvent) => void events.push(event);
  const of = <T extends ClientEvent["type"]>(type: T) =>
    events.filter((event): event is EventOf<T> => event.type === type);
  return { events, onEvent, of };
}

/** The next produce request is refused, with a throttle time. */
function refuseProduce(cluster: Cluster, errorCode: number, throttleTimeMs = 0): void {
  cluster.control(produce, ({ body }) => ({
    throttleTimeMs,
    responses: body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
    })),
  }), 1);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof KafkaError ? error.code : undefined;
}

test("connect, find out, produce, retry, fetch, disconnect: each event with its fields", async () => {
  const { onEvent, of } = keeping();
  await play({ client: { onEvent } }, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    refuseProduce(cluster, errorNumbers.NOT_LEADER_OR_FOLLOWER);
    const producer = topic.producer({ compression: "snappy" });
    await producer.produce(["x".repeat(1000), "y", "z"]);
    for await (const message of topic.simpleConsumer({ until: "end" })) void message;
  });
  const [first] = of("connected");
  assert.deepInclude(first, { broker: BROKER, versions: "ApiVersions" });
  assert.isAbove(first!.durationMs, 0);

  const [found, again] = of("metadata");
  assert.deepInclude(found, { broker: BROKER, brokers: 1, topics: 1, error: undefined });
  assert.isAbove(found!.durationMs, 0);
  assert.isDefined(again, "a leader that is none asks for metadata");

  const requests = of("request").filter(({ api }) => api === "Produce");
  assert.equal(requests.length, 2);
  for (const request of requests) {
    assert.deepInclude(request, { broker: BROKER, version: 13, throttleMs: 0, error: undefined });
    assert.isAbove(request.requestBytes, 100);
    assert.isAbove(request.responseBytes, 20);
    assert.isAbove(request.durationMs, 0);
  }
  assert.isAbove(requests[1]!.correlationId, requests[0]!.correlationId);

  const [failed, sent] = of("batchSent");
  assert.deepInclude(failed, { topic: "t", partition: 0, records: 3, attempt: 1, baseOffset: -1, broker: BROKER });
  assert.equal(codeOf(failed!.error), "NOT_LEADER_OR_FOLLOWER");
  assert.deepInclude(sent, { topic: "t", partition: 0, records: 3, attempt: 2, baseOffset: 0, error: undefined });
  assert.isAbove(sent!.uncompressedBytes, 1000);
  assert.isBelow(sent!.bytes, 400);
  assert.isAtLeast(sent!.durationMs, 80, "the backoff counts");

  const [retry, ...noMore] = of("retry");
  assert.deepEqual(noMore, []);
  assert.deepInclude(retry, { what: "produce", topic: "t", partition: 0, attempt: 1 });
  assert.closeTo(retry!.delayMs, 100, 20);
  assert.equal(retry!.error, failed!.error);

  const [fetched] = of("batchFetched");
  assert.deepInclude(fetched, { broker: BROKER, topic: "t", partition: 0, batches: 1, records: 3, bytes: sent!.bytes });
  assert.deepInclude(fetched, { baseOffset: 0, lastOffset: 2, highWatermark: 3 });

  const ends = of("disconnected");
  assert.equal(ends.length, of("connected").length);
  for (const end of ends) {
    assert.deepInclude(end, { broker: BROKER, expected: true, inFlight: 0 });
    assert.equal(codeOf(end.error), "CONNECTION_CLOSED");
  }
  assert.isAbove(Math.max(...ends.map(({ openMs }) => openMs)), 50);
});

test("a broker that throttles is seen in the request, in the metrics and in the log", async () => {
  const { onEvent, of } = keeping();
  const lines: string[] = [];
  const log: Logger = { debug() {}, info() {}, error() {}, warn: (line) => void lines.push(line) };
  await play({ client: { onEvent, log } }, async ({ client, cluster }) => {
    refuseProduce(cluster, errorNumbers.REQUEST_TIMED_OUT, 250);
    await (await client.topic("t")).producer().produce("a");
    const { requests } = client.metrics();
    assert.equal(requests.throttleMs, 250);
  });
  assert.deepEqual(of("request").map(({ throttleMs }) => throttleMs).filter((ms) => ms > 0), [250]);
  assert.deepEqual(lines, [`${BROKER} throttled Produce for 250 ms`]);
});

test("a broker that dies and comes back: what was in flight, who could not connect, and why", async () => {
  const { onEvent, of } = keeping();
  await play({ client: { onEvent } }, async ({ client, cluster, process }) => {
    const topic = await client.topic("t");
    cluster.control(produce, () => "drop", 1);
    const sent = topic.producer().produce("a");
    await process.sleep(1000);
    await cluster.kill(1);
    await process.sleep(1000);
    await cluster.start(1);
    await sent;
  });
  const lost = of("disconnected").filter(({ expected }) => !expected);
  assert.deepEqual(lost.map(({ broker }) => broker), [BROKER, BROKER], "one to control, one to produce");
  assert.include(lost.map(({ inFlight }) => inFlight), 1);
  const failed = of("request").filter(({ error }) => error !== undefined);
  assert.deepInclude(failed[0], { api: "Produce", responseBytes: 0 });
  assert.include(["CONNECTION_CLOSED", "CONNECTION_RESET"], codeOf(failed[0]!.error));
  const refusals = of("connectFailed");
  assert.isAbove(refusals.length, 1);
  for (const { broker, error } of refusals) assert.deepEqual([broker, codeOf(error)], [BROKER, "CONNECTION_REFUSED"]);
  assert.include(of("retry").map(({ error }) => codeOf(error)), "CONNECTION_REFUSED");
  assert.include(of("metadata").map(({ error }) => codeOf(error)), "NO_BROKERS");
});

test("an offset that is gone, and records that are corrupt", async () => {
  const { onEvent, of } = keeping();
  await play({ client: { onEvent } }, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    await topic.producer().produce(["a", "b", "c"]);
    cluster.deleteRecords("t", 0, 2);
    for await (const { offset } of topic.simpleConsumer({ from: 0, until: "end" })) assert.equal(offset, 2);
    assert.deepInclude(of("offsetReset")[0], { topic: "t", partition: 0, offset: 0, to: "earliest" });
    const { bytes } = cluster.partition("t", 0).log.stored[0]!;
    bytes[bytes.length - 2]! ^= 1;
    const error = await failure((async () => {
      for await (const message of topic.simpleConsumer({ from: 2 })) void message;
    })());
    assert.equal(error.code, "CORRUPT_MESSAGE");
    assert.deepInclude(of("partitionFailed")[0], { topic: "t", partition: 0, offset: 2, error });
  });
});

/** A dial that counts bytes behind the first request and the first answer, which belong to the opening of a connection. */
function metered(dial: Dial): { readonly dial: Dial; readonly written: () => number; readonly read: () => number } {
  let written = 0, read = 0;
  const counting: Dial = async (address, options) => {
    const line = await dial(address, options);
    const head: number[] = [];
    let writes = 0;
    return {
      async read(into, atLeast) {
        const count = await line.read(into, atLeast) ?? 0;
        for (let i = 0; i < count && head.length < 4; i++) {
          // Its size is known with its fourth byte; what it takes is not counted.
          if (head.push(into[i]!) === 4) read -= 4 + new DataView(Uint8Array.from(head).buffer).getInt32(0);
        }
        read += count;
        return count || null;
      },
      write(chunks) {
        if (writes++ > 0) { for (const { length } of chunks) written += length; }
        return line.write(chunks);
      },
      close: () => line.close(),
    };
  };
  return { dial: counting, written: () => written, read: () => read };
}

/** The numbers of several meters added up. */
function sum(parts: readonly RequestMetrics[]): Record<string, number> {
  const total: Record<string, number> = { latencies: 0 };
  for (const { latencyMs, ...part } of parts) {
    for (const [name, value] of Object.entries(part)) {
      if (typeof value === "number") total[name] = (total[name] ?? 0) + value;
    }
    total["latencies"]! += latencyMs.count;
  }
  return total;
}

test("metrics add up: with the events, with the bytes on the wire, broker by broker and kind by kind", async () => {
  const { onEvent, of } = keeping();
  await play({ brokers: 3, topics: { t: { partitions: 6 } } }, async ({ network, process, connect }) => {
    const { dial, written, read } = metered(dialOf(network, process));
    const client = await connect({ onEvent, dial });
    const topic = await client.topic("t");
    const producer = topic.producer();
    for (let i = 0; i < 50; i++) await producer.produce({ key: `${i}`, value: "x".repeat(i) });
    await topic.producer({ acks: 0 }).produce("unanswered");
    let count = 0;
    for await (const batch of topic.simpleConsumer({ until: "end" }).batches()) count += batch.count;
    const metrics = client.metrics();
    await client.close();

    const told = of("request");
    const { requests, brokers, connections, producer: produced, consumer } = metrics;
    assert.equal(requests.inFlight, 0);
    assert.equal(requests.count, told.length);
    assert.equal(requests.failed, told.filter(({ error }) => error !== undefined).length);
    const bytes = (name: "requestBytes" | "responseBytes") => told.reduce((all, event) => all + event[name], 0);
    assert.equal(requests.requestBytes, bytes("requestBytes"));
    assert.equal(requests.responseBytes, bytes("responseBytes"));
    assert.equal(requests.requestBytes, written());
    assert.equal(requests.responseBytes, read());
    assert.deepEqual(sum(brokers.map((one) => one.requests)), sum([requests]));
    for (const broker of brokers) assert.deepEqual(sum(broker.apis), sum([broker.requests]));
    assert.deepEqual(brokers.map(({ broker }) => broker).sort(), [1, 2, 3].map((id) => `broker-${id}:9092`));

    assert.equal(connections.opened, of("connected").filter(() => true).length);
    assert.equal(connections.open, connections.opened - connections.closed);
    assert.equal(count, 51);
    assert.deepInclude(produced, { records: 51, batches: 51, failedRecords: 0, retries: 0, bufferedBytes: 0 });
    assert.equal(produced.bytes, of("batchSent").reduce((all, { bytes }) => all + bytes, 0));
    assert.equal(produced.bytes, produced.uncompressedBytes);
    assert.equal(produced.deliveryMs.count, 51);
    assert.isAbove(quantile(produced.deliveryMs, 0.5), 0);
    assert.deepEqual(produced.topics.map(({ topic, records }) => [topic, records]), [["t", 51]]);
    assert.deepInclude(consumer, { records: 51, fetchedBytes: produced.bytes, retries: 0, bufferedBytes: 0 });
    assert.deepEqual(consumer.topics, [{
      topic: "t",
      records: 51,
      batches: consumer.batches,
      fetchedBytes: produced.bytes,
    }]);
    assert.deepEqual(JSON.parse(JSON.stringify(metrics)), metrics, "plain data");
  });
});

test("what is held, and how far a consumer lags behind", () =>
  play({}, async ({ client, process }) => {
    const topic = await client.topic("t");
    const producer = topic.producer({ lingerMs: 60_000 });
    producer.enqueue("x".repeat(1000));
    assert.isAtLeast(client.metrics().producer.bufferedBytes, 1000);
    await producer.close();
    assert.equal(client.metrics().producer.bufferedBytes, 0);
    await topic.producer().produce(["a", "b", "c"]);
    const consumer = topic.simpleConsumer();
    const loop = consumer[Symbol.asyncIterator]();
    const lag = () => client.metrics().consumer.partitions.map(({ position, lag }) => [position, lag]);
    assert.deepEqual(lag(), []);
    await loop.next();
    assert.deepEqual(lag(), [[0, 4]]);
    assert.equal(client.metrics().consumer.lagMax, 4);
    for (let i = 0; i < 3; i++) await loop.next();
    await process.sleep(1000);
    assert.deepEqual(lag(), [[3, 1]], "the one in hand is not finished");
    await consumer.close();
    assert.deepEqual(lag(), []);
  }));

test("a request that nobody waits for any more has its end at once, and once", async () => {
  const { onEvent, of } = keeping();
  await play({ client: { onEvent } }, async ({ client, process }) => {
    const consumer = (await client.topic("t")).simpleConsumer();
    const waiting = consumer[Symbol.asyncIterator]().next();
    await process.sleep(100);
    assert.equal(client.metrics().requests.inFlight, 1, "a long poll");
    await consumer.close();
    await waiting;
    const { inFlight, failed } = client.metrics().requests;
    assert.deepEqual([inFlight, failed], [0, 1]);
    await process.sleep(2000);
    assert.equal(client.metrics().requests.inFlight, 0);
  });
  const ended = of("request").filter(({ error }) => error !== undefined);
  assert.deepEqual(ended.map(({ api, error }) => [api, codeOf(error)]), [["Fetch", "CLOSED"]]);
});

test("messages that fail are counted as failed, and not as sent", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer();
    refuseProduce(cluster, errorNumbers.INVALID_RECORD);
    await failure(producer.produce(["a", "b"]));
    const { records, failedRecords, retries } = client.metrics().producer;
    assert.deepEqual([records, failedRecords, retries], [0, 2, 0]);
  }));

test("who listens may ask the client things, and close it", async () => {
  const seen: ClientMetrics[] = [];
  await play({}, async ({ connect }) => {
    const client = await connect({
      onEvent(event) {
        if (event.type !== "batchSent") return;
        seen.push(client.metrics());
        client.close();
      },
    });
    await (await client.topic("t")).producer().produce("a");
    await client.close();
  });
  assert.deepEqual(seen.map(({ producer }) => producer.records), [1]);
});

test("onEvent and log that are none are refused", () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ onEvent: {} }, /onEvent must be a function/],
    [{ log: true }, /log must be an object with functions debug, info, warn and error/],
    [{ log: { debug() {}, info() {}, warn() {} } }, /log must be an object with functions/],
    [{ interceptors: {} }, /interceptors must be a list of objects/],
    [{ interceptors: [{ onsend() {} }] }, /interceptors must be a list of objects/],
    [{ interceptors: [{ onSend: 5 }] }, /interceptors must be a list of objects/],
  ];
  const dial: Dial = () => Promise.reject(new Error("not dialled here"));
  for (const [options, message] of wrong) {
    const error = thrown(() => clientSettings({ hosts: "a", dial, ...options }));
    assert.equal(error.code, "INVALID_OPTION");
    assert.match(error.message, message);
  }
});

test("console is a log", () => void clientSettings({ hosts: "a", dial: () => Promise.reject(), log: console }));
