/** The one place that rooms report to: it counts, and tells `onEvent` and `log` where somebody listens. */

import type { ClientEvent } from "./events.ts";
import { HistogramCounter } from "./histogram.ts";
import { guarded } from "./listeners.ts";
import { type Logger, writeLine } from "./log.ts";
import { BrokerMeter, ConnectionMeter, ConsumedMeter, ProducedMeter, RequestMeter } from "./meters.ts";
import type { ClientMetrics, ConsumerMetrics, PartitionMetrics, ProducerMetrics } from "./metrics.ts";
import type { World } from "./world.ts";

/** Who listens. */
export interface Listeners {
  /** Told of everything. */
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
  /** Written to where an operator wants to know. */
  readonly log?: Logger | undefined;
}

/** A request, as its connection knows it. */
export interface ReportedRequest {
  readonly api: string;
  readonly version: number;
  readonly correlationId: number;
  readonly requestBytes: number;
  /** When it was sent, on the world's clock. */
  readonly sentAt: number;
}

/** What is known of the cluster. */
export interface ReportedSnapshot {
  readonly brokers: { readonly size: number };
  readonly topics: { readonly size: number };
}

/** A batch, as its producer knows it. */
export interface ReportedBatch {
  readonly topic: string;
  readonly partition: number;
  /** How many records it holds, and their bytes before compression. */
  readonly builder: { readonly count: number; readonly size: number };
  /** Its bytes as they travel, once there are any. */
  readonly bytes: Uint8Array | undefined;
  /** When its first record came, on the world's clock. */
  readonly createdAt: number;
  /** How often it has failed before. */
  readonly failures: number;
}

/** What a fetch brought for a partition. */
export interface ReportedPiece {
  readonly batches: readonly {
    readonly baseOffset: number;
    readonly lastOffset: number;
    readonly recordCount: number;
  }[];
  readonly highWatermark: number;
  readonly bytes: number;
}

/** A partition, as its consumer knows it. */
export type ReportedPartition = Omit<PartitionMetrics, "lag">;

/** Where something is. */
interface Place {
  readonly topic: string;
  readonly partition: number;
}

/**
 * Counts always, and builds an event only for somebody who listens: `tell?.({ … })` leaves the object unmade where nobody does. A
 * client has one; its times come from its world.
 */
export class Telemetry {
  readonly #world: World;
  readonly #madeAt: number;
  /** Told of what happens all the time: requests and batches that went well, which are no lines for a log. */
  readonly #tellAll: ((event: ClientEvent) => void) | undefined;
  /** Told of the rest. */
  readonly #tell: ((event: ClientEvent) => void) | undefined;
  readonly #brokers = new Map<string, BrokerMeter>();
  readonly #produced = new Map<string, ProducedMeter>();
  readonly #consumed = new Map<string, ConsumedMeter>();
  readonly #producers = new Set<() => number>();
  readonly #consumers = new Set<() => Iterable<ReportedPartition>>();
  readonly #deliveryMs = new HistogramCounter();
  #splits = 0;
  #refreshes = 0;
  #refreshFailures = 0;
  #refreshedAt: number;

  /** Nobody listens unless it is said. */
  constructor(world: World, { onEvent, log }: Listeners = {}) {
    this.#world = world;
    this.#madeAt = this.#refreshedAt = world.now();
    this.#tellAll = onEvent && ((event) => guarded(onEvent, event));
    this.#tell = log === undefined ? this.#tellAll : (event) => {
      this.#tellAll?.(event);
      guarded((event) => writeLine(log, event), event);
    };
  }

  /** A connection is ready. */
  connected(broker: string, startedAt: number, versions: string): void {
    this.#broker(broker).connections.opened++;
    this.#tell?.({ type: "connected", broker, durationMs: this.#since(startedAt), versions });
  }

  /** A broker has taken the credentials: for a new connection, or `again`. */
  authenticated(broker: string, mechanism: string, startedAt: number, again = false): void {
    this.#broker(broker).connections.authentications++;
    this.#tell?.({ type: "authenticated", broker, mechanism, again, durationMs: this.#since(startedAt) });
  }

  /** A connection could not be opened. */
  connectFailed(broker: string, startedAt: number, error: unknown): void {
    this.#broker(broker).connections.failed++;
    this.#tell?.({ type: "connectFailed", broker, durationMs: this.#since(startedAt), error });
  }

  /** A connection that was ready is gone. */
  disconnected(broker: string, openedAt: number, inFlight: number, expected: boolean, error: unknown): void {
    this.#broker(broker).connections.closed++;
    this.#tell?.({ type: "disconnected", broker, openMs: this.#since(openedAt), inFlight, expected, error });
  }

  /** A request goes out. */
  requestSent(broker: string, { api, requestBytes }: ReportedRequest): void {
    const meter = this.#broker(broker).api(api);
    meter.inFlight++;
    meter.requestBytes += requestBytes;
  }

  /** A request has its answer, or its end (`error`). */
  requestEnded(
    broker: string,
    request: ReportedRequest,
    responseBytes: number,
    throttleMs: number,
    error?: unknown,
  ): void {
    const meter = this.#broker(broker).api(request.api);
    const durationMs = this.#since(request.sentAt);
    meter.inFlight--;
    meter.count++;
    meter.responseBytes += responseBytes;
    meter.throttleMs += throttleMs;
    if (error === undefined) meter.latencyMs.record(durationMs);
    else meter.failed++;
    const tell = error === undefined && throttleMs === 0 ? this.#tellAll : this.#tell;
    tell?.({
      type: "request",
      broker,
      api: request.api,
      version: request.version,
      correlationId: request.correlationId,
      requestBytes: request.requestBytes,
      responseBytes,
      durationMs,
      throttleMs,
      error,
    });
  }

  /** Metadata was fetched. */
  metadataFetched(broker: string, startedAt: number, known: ReportedSnapshot): void {
    this.#refreshes++;
    this.#refreshedAt = this.#world.now();
    if (this.#tell) this.#tellMetadata(this.#tell, broker, startedAt, known, undefined);
  }

  /** Metadata could not be fetched. */
  metadataFailed(startedAt: number, known: ReportedSnapshot, error: unknown): void {
    this.#refreshFailures++;
    if (this.#tell) this.#tellMetadata(this.#tell, undefined, startedAt, known, error);
  }

  /** A call that asks brokers for something is tried again. */
  callRetried(attempt: number, delayMs: number, error: unknown): void {
    this.#tell?.({ type: "retry", what: "call", topic: undefined, partition: undefined, attempt, delayMs, error });
  }

  /** A producer holds so many bytes; gives what ends that. */
  watchProducer(bufferedBytes: () => number): () => void {
    this.#producers.add(bufferedBytes);
    return () => this.#producers.delete(bufferedBytes);
  }

  /** A batch was acknowledged, or written with `acks: 0`. */
  batchSent(batch: ReportedBatch, broker: string, baseOffset: number): void {
    const meter = this.#producedTo(batch.topic);
    const { count, size } = batch.builder;
    meter.records += count;
    meter.batches++;
    meter.bytes += batch.bytes?.length ?? 0;
    meter.uncompressedBytes += size;
    this.#deliveryMs.record(this.#since(batch.createdAt));
    if (this.#tellAll) this.#tellBatch(this.#tellAll, batch, broker, baseOffset, undefined);
  }

  /** A batch has failed, and is given up. */
  batchFailed(batch: ReportedBatch, broker: string | undefined, error: unknown): void {
    this.#producedTo(batch.topic).failedRecords += batch.builder.count;
    if (this.#tell) this.#tellBatch(this.#tell, batch, broker, -1, error);
  }

  /** A batch has failed, and is tried again. Call it before that failure is counted in the batch. */
  batchRetried(batch: ReportedBatch, broker: string | undefined, error: unknown, delayMs: number): void {
    this.#producedTo(batch.topic).retries++;
    if (this.#tellAll) this.#tellBatch(this.#tellAll, batch, broker, -1, error);
    this.#tell?.({
      type: "retry",
      what: "produce",
      topic: batch.topic,
      partition: batch.partition,
      attempt: batch.failures + 1,
      delayMs,
      error,
    });
  }

  /** A batch was too large for its broker, and was split. */
  batchSplit(): void {
    this.#splits++;
  }

  /** A consumer reads partitions; gives what ends that. */
  watchConsumer(partitions: () => Iterable<ReportedPartition>): () => void {
    this.#consumers.add(partitions);
    return () => this.#consumers.delete(partitions);
  }

  /** A fetch brought something for a partition. */
  fetched(broker: string, { topic, partition }: Place, piece: ReportedPiece): void {
    this.#consumedFrom(topic).fetchedBytes += piece.bytes;
    if (this.#tellAll) tellFetched(this.#tellAll, broker, topic, partition, piece);
  }

  /** A partition could not be fetched, and is asked for again. */
  fetchRetried({ topic, partition }: Place, attempt: number, delayMs: number, error: unknown): void {
    this.#consumedFrom(topic).retries++;
    this.#tell?.({ type: "retry", what: "fetch", topic, partition, attempt, delayMs, error });
  }

  /** A loop is given a batch of so many messages. */
  consumed(topic: string, records: number): void {
    const meter = this.#consumedFrom(topic);
    meter.batches++;
    meter.records += records;
  }

  /** A consumer goes on elsewhere, since the log does not hold the offset. */
  offsetReset({ topic, partition }: Place, offset: number, to: "earliest" | "latest"): void {
    this.#tell?.({ type: "offsetReset", topic, partition, offset, to });
  }

  /** A consumer can not go on in a partition. */
  partitionFailed({ topic, partition }: Place, offset: number | undefined, error: unknown): void {
    this.#tell?.({ type: "partitionFailed", topic, partition, offset, error });
  }

  /** Everything that was counted up to now. */
  metrics(): ClientMetrics {
    const connections = new ConnectionMeter(), requests = new RequestMeter();
    const brokers = [...this.#brokers.values()].map((meter) => meter.snapshot(connections, requests));
    return {
      uptimeMs: this.#since(this.#madeAt),
      connections: connections.snapshot(),
      requests: requests.snapshot(),
      brokers,
      metadata: {
        refreshes: this.#refreshes,
        failures: this.#refreshFailures,
        ageMs: this.#since(this.#refreshedAt),
      },
      producer: this.#producerMetrics(),
      consumer: this.#consumerMetrics(),
    };
  }

  #producerMetrics(): ProducerMetrics {
    const total = new ProducedMeter();
    const topics = [...this.#produced].map(([topic, meter]) => {
      total.add(meter);
      return { topic, ...meter.snapshot() };
    });
    let bufferedBytes = 0;
    for (const held of this.#producers) bufferedBytes += held();
    return {
      ...total.snapshot(),
      splits: this.#splits,
      bufferedBytes,
      deliveryMs: this.#deliveryMs.snapshot(),
      topics,
    };
  }

  #consumerMetrics(): ConsumerMetrics {
    const total = new ConsumedMeter();
    const topics = [...this.#consumed].map(([topic, meter]) => {
      total.add(meter);
      return { topic, ...meter.snapshot() };
    });
    const partitions: PartitionMetrics[] = [];
    let bufferedBytes = 0, lagMax = 0;
    for (const read of this.#consumers) {
      for (const { topic, partition, position, highWatermark, bufferedBytes: bytes } of read()) {
        const isKnown = position !== undefined && highWatermark !== undefined;
        const lag = isKnown ? Math.max(0, highWatermark - position) : undefined;
        if (lag !== undefined && lag > lagMax) lagMax = lag;
        bufferedBytes += bytes;
        partitions.push({ topic, partition, position, highWatermark, lag, bufferedBytes: bytes });
      }
    }
    return { ...total.snapshot(), retries: total.retries, bufferedBytes, lagMax, topics, partitions };
  }

  #tellMetadata(
    tell: (event: ClientEvent) => void,
    broker: string | undefined,
    startedAt: number,
    { brokers, topics }: ReportedSnapshot,
    error: unknown,
  ): void {
    const durationMs = this.#since(startedAt);
    tell({ type: "metadata", broker, brokers: brokers.size, topics: topics.size, durationMs, error });
  }

  #tellBatch(
    tell: (event: ClientEvent) => void,
    batch: ReportedBatch,
    broker: string | undefined,
    baseOffset: number,
    error: unknown,
  ): void {
    tell({
      type: "batchSent",
      broker,
      topic: batch.topic,
      partition: batch.partition,
      records: batch.builder.count,
      uncompressedBytes: batch.builder.size,
      bytes: batch.bytes?.length ?? 0,
      attempt: batch.failures + 1,
      durationMs: this.#since(batch.createdAt),
      baseOffset,
      error,
    });
  }

  #since(moment: number): number {
    return this.#world.now() - moment;
  }

  #broker(broker: string): BrokerMeter {
    let meter = this.#brokers.get(broker);
    if (!meter) this.#brokers.set(broker, meter = new BrokerMeter(broker));
    return meter;
  }

  #producedTo(topic: string): ProducedMeter {
    let meter = this.#produced.get(topic);
    if (!meter) this.#produced.set(topic, meter = new ProducedMeter());
    return meter;
  }

  #consumedFrom(topic: string): ConsumedMeter {
    let meter = this.#consumed.get(topic);
    if (!meter) this.#consumed.set(topic, meter = new ConsumedMeter());
    return meter;
  }
}

function tellFetched(
  tell: (event: ClientEvent) => void,
  broker: string,
  topic: string,
  partition: number,
  piece: ReportedPiece,
): void {
  const { batches, bytes, highWatermark } = piece;
  tell({
    type: "batchFetched",
    broker,
    topic,
    partition,
    batches: batches.length,
    records: recordsIn(piece),
    bytes,
    baseOffset: batches[0]!.baseOffset,
    lastOffset: batches[batches.length - 1]!.lastOffset,
    highWatermark,
  });
}

function recordsIn({ batches }: ReportedPiece): number {
  let records = 0;
  for (const { recordCount } of batches) {
    if (recordCount < 0) return -1;
    records += recordCount;
  }
  return records;
}
