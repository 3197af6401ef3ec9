/** The example of OpenTelemetry, with its real SDK: metrics that fit what was done, spans that hang together. */

import { assert } from "chai";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { KafkaClient, type KafkaError } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";
import { OpenTelemetry } from "../examples/opentelemetry.ts";
import { test } from "../harness.ts";

/** The SDK, with all that it exports kept in memory. */
function sdk() {
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const spanExporter = new InMemorySpanExporter();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })] });
  const collect = async () => {
    await meters.forceFlush();
    const points = new Map<string, { attributes: Record<string, unknown>; value: unknown }[]>();
    for (const { scopeMetrics } of metricExporter.getMetrics()) {
      for (const { metrics } of scopeMetrics) {
        for (const { descriptor: { name }, dataPoints } of metrics) points.set(name, [...dataPoints]);
      }
    }
    return points;
  };
  const end = async () => {
    await meters.shutdown();
    await tracers.shutdown();
  };
  return { meter: meters.getMeter("test"), tracer: tracers.getTracer("test"), spanExporter, collect, end };
}

test("metrics and spans of a round trip reach OpenTelemetry", async () => {
  const cluster = await Cluster.start({ topics: { orders: {} } });
  const { meter, tracer, spanExporter, collect, end } = sdk();
  const telemetry = new OpenTelemetry(meter, tracer);
  const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial, ...telemetry.options });
  const stop = telemetry.watch(client);
  try {
    const orders = await client.topic("orders");
    const producer = orders.producer();
    await producer.produce(["a", "b"]);
    const failure = await producer.produce({ value: "c", partition: 7 }).catch((error: KafkaError) => error);
    const done: string[] = [];
    for await (const message of orders.simpleConsumer({ until: "end" })) {
      const work = async () => {
        await Promise.resolve();
        if (message.text() === "b") throw new Error("not today");
        return message.text();
      };
      await telemetry.process(message, work).then((text) => done.push(text), () => {});
    }
    assert.deepEqual(done, ["a"]);

    const points = await collect();
    const { requests, brokers } = client.metrics();
    const place = { "messaging.system": "kafka", "messaging.destination.name": "orders" };
    assert.deepInclude(points.get("messaging.client.sent.messages")![0], { attributes: place, value: 2 });
    assert.deepInclude(points.get("messaging.client.consumed.messages")![0], { attributes: place, value: 2 });
    const io = points.get("kafka.client.io")!;
    assert.deepEqual(io.map(({ attributes }) => attributes["network.io.direction"]), ["transmit", "receive"]);
    assert.deepEqual(io.map(({ value }) => value), [requests.requestBytes, requests.responseBytes]);
    assert.deepEqual(points.get("kafka.client.connections")!.map(({ value }) => value), [brokers[0]!.connections.open]);
    const durations = points.get("kafka.client.request.duration")!;
    const counts = durations.map(({ value }) => (value as Histogram).count);
    assert.equal(counts.reduce((a, b) => a + b), requests.count);
    assert.include(durations.map(({ attributes }) => attributes["kafka.api"]), "Produce");

    const spans = spanExporter.getFinishedSpans();
    const [a, b, c] = spans.filter(({ kind }) => kind === SpanKind.PRODUCER);
    const [first, second] = spans.filter(({ kind }) => kind === SpanKind.CONSUMER);
    assert.equal(spans.length, 5);
    assert.deepEqual([a!.name, first!.name], ["send orders", "process orders"]);
    assert.deepEqual([a, b].map((span) => span!.attributes["messaging.kafka.offset"]), [0, 1]);
    assert.equal(c!.status.code, SpanStatusCode.ERROR);
    assert.equal(c!.attributes["error.type"], (failure as KafkaError).code);
    for (const [sent, processed] of [[a!, first!], [b!, second!]] as const) {
      assert.equal(processed.parentSpanContext?.spanId, sent.spanContext().spanId);
      assert.equal(processed.spanContext().traceId, sent.spanContext().traceId);
    }
    assert.deepEqual([first, second].map((span) => span!.status.code), [SpanStatusCode.UNSET, SpanStatusCode.ERROR]);
  } finally {
    stop();
    await client.close();
    await cluster.close();
    await end();
  }
});
