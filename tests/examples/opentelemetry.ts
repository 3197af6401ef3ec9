/**
 * An example: feeds a client's metrics and spans to OpenTelemetry, under the names of its conventions for messaging. The library
 * knows nothing of OpenTelemetry: you pass a meter and a tracer of the SDK that you have.
 *
 * ```ts ignore
 * const telemetry = new OpenTelemetry(metrics.getMeter("shop"), trace.getTracer("shop"));
 * const client = await connect({ hosts, ...telemetry.options });
 * const stop = telemetry.watch(client);
 * for await (const message of orders.simpleConsumer()) await telemetry.process(message, () => handle(message));
 * ```
 */

import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  type Meter,
  type ObservableCounter,
  type ObservableGauge,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import {
  type ClientEvent,
  type ClientMetrics,
  type ConnectOptions,
  type DeliveryReport,
  type Interceptor,
  type KafkaClient,
  KafkaError,
  type Message,
  type OutgoingMessage,
} from "@samsa/kafka";
import { traceContextOf, traceHeaders } from "./trace_context.ts";

const SYSTEM = { "messaging.system": "kafka" };

/** What is observed from a snapshot: a name, its unit, how it is to be read, and where it stands. */
type Reading = readonly [
  name: string,
  unit: string,
  kind: "counter" | "gauge",
  read: (metrics: ClientMetrics) => Iterable<readonly [value: number, attributes: Attributes]>,
];

const readings: readonly Reading[] = [
  [
    "messaging.client.sent.messages",
    "{message}",
    "counter",
    ({ producer }) => producer.topics.map(({ topic, records }) => [records, { "messaging.destination.name": topic }]),
  ],
  [
    "messaging.client.consumed.messages",
    "{message}",
    "counter",
    ({ consumer }) => consumer.topics.map(({ topic, records }) => [records, { "messaging.destination.name": topic }]),
  ],
  [
    "kafka.client.failed.messages",
    "{message}",
    "counter",
    ({ producer }) =>
      producer.topics.map(({ topic, failedRecords }) => [failedRecords, { "messaging.destination.name": topic }]),
  ],
  ["kafka.client.retries", "{retry}", "counter", ({ producer, consumer }) => [
    [producer.retries, { "messaging.operation.name": "send" }],
    [consumer.retries, { "messaging.operation.name": "poll" }],
  ]],
  ["kafka.client.io", "By", "counter", ({ brokers }) =>
    brokers.flatMap(({ broker, requests }) => [
      [requests.requestBytes, { ...serverOf(broker), "network.io.direction": "transmit" }] as const,
      [requests.responseBytes, { ...serverOf(broker), "network.io.direction": "receive" }] as const,
    ])],
  [
    "kafka.client.connections",
    "{connection}",
    "gauge",
    ({ brokers }) => brokers.map(({ broker, connections }) => [connections.open, serverOf(broker)]),
  ],
  [
    "kafka.client.requests.in_flight",
    "{request}",
    "gauge",
    ({ brokers }) => brokers.map(({ broker, requests }) => [requests.inFlight, serverOf(broker)]),
  ],
  ["kafka.client.buffer", "By", "gauge", ({ producer, consumer }) => [
    [producer.bufferedBytes, { "messaging.operation.name": "send" }],
    [consumer.bufferedBytes, { "messaging.operation.name": "poll" }],
  ]],
  ["kafka.client.consumer.lag", "{message}", "gauge", function* ({ consumer }) {
    for (const { topic, partition, lag } of consumer.partitions) {
      if (lag !== undefined) yield [lag, placeOf(topic, partition)];
    }
  }],
];

/** Turns what a client tells into metrics and spans. */
export class OpenTelemetry {
  /** To be given to `connect`. */
  readonly options: Pick<ConnectOptions, "onEvent" | "interceptors">;
  readonly #meter: Meter;
  readonly #tracer: Tracer;
  readonly #requestDuration: Histogram;
  readonly #sendDuration: Histogram;
  /** Spans of messages whose end is not known yet. */
  readonly #sending = new WeakMap<OutgoingMessage, Span>();

  constructor(meter: Meter, tracer: Tracer) {
    this.#meter = meter;
    this.#tracer = tracer;
    this.#requestDuration = meter.createHistogram("kafka.client.request.duration", { unit: "s" });
    this.#sendDuration = meter.createHistogram("messaging.client.operation.duration", { unit: "s" });
    const interceptor: Interceptor = {
      name: "opentelemetry",
      onSend: (message) => this.#sends(message),
      onAcknowledgement: (report, message) => this.#sent(report, message),
    };
    this.options = { onEvent: (event) => this.#measure(event), interceptors: [interceptor] };
  }

  /** Reads a client's counters whenever metrics are collected, until the function that this gives is called. */
  watch(client: KafkaClient): () => void {
    const instruments = new Map<ObservableCounter | ObservableGauge, Reading[3]>();
    for (const [name, unit, kind, read] of readings) {
      const instrument = kind === "counter"
        ? this.#meter.createObservableCounter(name, { unit })
        : this.#meter.createObservableGauge(name, { unit });
      instruments.set(instrument, read);
    }
    const observables = [...instruments.keys()];
    const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
      const snapshot = client.metrics();
      for (const [instrument, read] of instruments) {
        for (const [value, attributes] of read(snapshot)) {
          result.observe(instrument, value, { ...SYSTEM, ...attributes });
        }
      }
    };
    this.#meter.addBatchObservableCallback(observe, observables);
    return () => this.#meter.removeBatchObservableCallback(observe, observables);
  }

  /** Runs what is done with a message in a span that goes on from its sender's. */
  async process<T>(message: Message, work: () => T | Promise<T>): Promise<T> {
    const { topic, partition, offset } = message;
    const attributes = {
      ...operation("process", "process"),
      ...placeOf(topic, partition),
      "messaging.kafka.offset": offset,
    };
    const span = this.#tracer.startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes }, senderOf(message));
    try {
      return await context.with(trace.setSpan(context.active(), span), work);
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  #measure(event: ClientEvent): void {
    switch (event.type) {
      case "request":
        return this.#requestDuration.record(event.durationMs / 1000, {
          ...SYSTEM,
          ...serverOf(event.broker),
          "kafka.api": event.api,
          ...errorOf(event.error),
        });
      case "batchSent":
        return this.#sendDuration.record(event.durationMs / 1000, {
          ...operation("send", "send"),
          ...placeOf(event.topic, event.partition),
          ...errorOf(event.error),
        });
    }
  }

  #sends(message: OutgoingMessage): void {
    const { topic } = message;
    const attributes = { ...operation("send", "send"), "messaging.destination.name": topic };
    const span = this.#tracer.startSpan(`send ${topic}`, { kind: SpanKind.PRODUCER, attributes });
    const { traceId, spanId, traceFlags: flags, traceState } = span.spanContext();
    message.headers.push(...traceHeaders({ traceId, spanId, flags, state: traceState?.serialize() ?? "" }));
    this.#sending.set(message, span);
  }

  #sent(report: DeliveryReport, message: OutgoingMessage): void {
    const span = this.#sending.get(message);
    if (!span) return;
    if (report instanceof KafkaError) fail(span, report);
    else {
      const { topic, partition, offset } = report;
      span.setAttributes({ ...placeOf(topic, partition), "messaging.kafka.offset": offset });
    }
    span.end();
  }
}

function operation(name: string, type: string): Attributes {
  return { ...SYSTEM, "messaging.operation.name": name, "messaging.operation.type": type };
}

function placeOf(topic: string, partition: number): Attributes {
  return { "messaging.destination.name": topic, "messaging.destination.partition.id": `${partition}` };
}

function serverOf(broker: string): Attributes {
  const colon = broker.lastIndexOf(":");
  return { "server.address": broker.slice(0, colon), "server.port": Number(broker.slice(colon + 1)) };
}

function errorOf(error: unknown): Attributes {
  if (error === undefined) return {};
  return { "error.type": error instanceof KafkaError ? error.code : "aborted" };
}

function fail(span: Span, error: unknown): void {
  span.setAttributes(errorOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}

/** The context of whoever sent a message; the current one if the message does not say. */
function senderOf({ headers }: Message): Context {
  const sender = traceContextOf(headers);
  if (!sender) return context.active();
  const { traceId, spanId, flags: traceFlags } = sender;
  return trace.setSpanContext(context.active(), { traceId, spanId, traceFlags, isRemote: true });
}
