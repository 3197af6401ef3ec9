/** Counters that are always on: a few additions for each request and each batch, never for a record. Telemetry fills them. */

import { HistogramCounter } from "./histogram.ts";
import type {
  ApiMetrics,
  BrokerMetrics,
  ConnectionMetrics,
  ConsumedMetrics,
  ProducedMetrics,
  RequestMetrics,
} from "./metrics.ts";

/** Requests of one kind to one broker, or the sum of several. */
export class RequestMeter {
  inFlight = 0;
  count = 0;
  failed = 0;
  requestBytes = 0;
  responseBytes = 0;
  throttleMs = 0;
  readonly latencyMs: HistogramCounter = new HistogramCounter();

  /** Takes in what another one has counted. */
  add(other: RequestMeter): void {
    this.inFlight += other.inFlight;
    this.count += other.count;
    this.failed += other.failed;
    this.requestBytes += other.requestBytes;
    this.responseBytes += other.responseBytes;
    this.throttleMs += other.throttleMs;
    this.latencyMs.add(other.latencyMs);
  }

  /** What it has counted up to now. */
  snapshot(): RequestMetrics {
    const { inFlight, count, failed, requestBytes, responseBytes, throttleMs, latencyMs } = this;
    return { inFlight, count, failed, requestBytes, responseBytes, throttleMs, latencyMs: latencyMs.snapshot() };
  }
}

/** Connections to one broker, or the sum of several. */
export class ConnectionMeter {
  opened = 0;
  closed = 0;
  failed = 0;
  authentications = 0;

  /** Takes in what another one has counted. */
  add(other: ConnectionMeter): void {
    this.opened += other.opened;
    this.closed += other.closed;
    this.failed += other.failed;
    this.authentications += other.authentications;
  }

  /** What it has counted up to now. */
  snapshot(): ConnectionMetrics {
    const { opened, closed, failed, authentications } = this;
    return { open: opened - closed, opened, closed, failed, authentications };
  }
}

/** One broker. */
export class BrokerMeter {
  readonly broker: string;
  readonly connections: ConnectionMeter = new ConnectionMeter();
  readonly #apis = new Map<string, RequestMeter>();

  constructor(broker: string) {
    this.broker = broker;
  }

  /** Requests of one kind. */
  api(name: string): RequestMeter {
    let meter = this.#apis.get(name);
    if (!meter) this.#apis.set(name, meter = new RequestMeter());
    return meter;
  }

  /** Adds it to the sums over all brokers, and gives its own. */
  snapshot(connections: ConnectionMeter, requests: RequestMeter): BrokerMetrics {
    const own = new RequestMeter();
    const apis: ApiMetrics[] = [];
    for (const [api, meter] of this.#apis) {
      own.add(meter);
      apis.push({ api, ...meter.snapshot() });
    }
    connections.add(this.connections);
    requests.add(own);
    return { broker: this.broker, connections: this.connections.snapshot(), requests: own.snapshot(), apis };
  }
}

/** Messages that were sent to one topic, or to several. */
export class ProducedMeter {
  records = 0;
  failedRecords = 0;
  batches = 0;
  retries = 0;
  bytes = 0;
  uncompressedBytes = 0;

  /** Takes in what another one has counted. */
  add(other: ProducedMeter): void {
    this.records += other.records;
    this.failedRecords += other.failedRecords;
    this.batches += other.batches;
    this.retries += other.retries;
    this.bytes += other.bytes;
    this.uncompressedBytes += other.uncompressedBytes;
  }

  /** What it has counted up to now. */
  snapshot(): ProducedMetrics {
    const { records, failedRecords, batches, retries, bytes, uncompressedBytes } = this;
    return { records, failedRecords, batches, retries, bytes, uncompressedBytes };
  }
}

/** Messages that were read of one topic, or of several. */
export class ConsumedMeter {
  records = 0;
  batches = 0;
  fetchedBytes = 0;
  retries = 0;

  /** Takes in what another one has counted. */
  add(other: ConsumedMeter): void {
    this.records += other.records;
    this.batches += other.batches;
    this.fetchedBytes += other.fetchedBytes;
    this.retries += other.retries;
  }

  /** What it has counted up to now. */
  snapshot(): ConsumedMetrics {
    const { records, batches, fetchedBytes } = this;
    return { records, batches, fetchedBytes };
  }
}
