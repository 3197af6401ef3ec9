/** What a client has done since it was made, as plain data: the shapes that `client.metrics()` gives. */

import type { Histogram } from "./histogram.ts";

/** Connections, counted. */
export interface ConnectionMetrics {
  /** Open now (Java's `connection-count`). */
  readonly open: number;
  /** Opened so far (`connection-creation-total`). */
  readonly opened: number;
  /** Closed so far, by either side (`connection-close-total`). */
  readonly closed: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** SASL authentications that went well, repeated ones too (`successful-authentication-total`, `successful-reauthentication-total`). */
  readonly authentications: number;
}

/** Requests, counted. */
export interface RequestMetrics {
  /** Without an answer yet (`requests-in-flight`). */
  readonly inFlight: number;
  /** That have their answer, or their end without one. */
  readonly count: number;
  /** Of these: how many got no answer. What an answer says may be an error all the same. */
  readonly failed: number;
  /** Bytes sent (`outgoing-byte-total`). */
  readonly requestBytes: number;
  /** Bytes received (`incoming-byte-total`), without answers that came when nobody waited any more. */
  readonly responseBytes: number;
  /** Milliseconds that brokers throttled them for (`produce-throttle-time`, `fetch-throttle-time`). */
  readonly throttleMs: number;
  /** From request to answer, of those that got one (`request-latency`). A Fetch waits at the broker until there is something. */
  readonly latencyMs: Histogram;
}

/** Requests of one kind to one broker. */
export interface ApiMetrics extends RequestMetrics {
  /** Kafka's name of the request: `"Produce"`, `"Fetch"`, `"Metadata"`. */
  readonly api: string;
}

/** What went on with one broker. */
export interface BrokerMetrics {
  /** Its address, `host:port`. */
  readonly broker: string;
  /** Connections to it. */
  readonly connections: ConnectionMetrics;
  /** Requests to it, of all kinds. */
  readonly requests: RequestMetrics;
  /** The same by kind. */
  readonly apis: readonly ApiMetrics[];
}

/** Messages that were sent, counted when their batch has its end. */
export interface ProducedMetrics {
  /** Messages that were acknowledged, or written with `acks: 0` (`record-send-total`). */
  readonly records: number;
  /** Messages that failed after they were in a batch (`record-error-total`). */
  readonly failedRecords: number;
  /** Batches that were acknowledged, or written with `acks: 0`. */
  readonly batches: number;
  /** Batches that were tried again, once for each time (`record-retry-total` counts their records). */
  readonly retries: number;
  /** Bytes of the acknowledged batches as they travelled (`byte-total`). */
  readonly bytes: number;
  /** The same before compression; `bytes / uncompressedBytes` is Java's `compression-rate`. */
  readonly uncompressedBytes: number;
}

/** What all producers of a client have done. */
export interface ProducerMetrics extends ProducedMetrics {
  /** Batches that were split since they were too large for the broker (`batch-split-total`). */
  readonly splits: number;
  /** Bytes that wait or are in flight now (`buffer-total-bytes` − `buffer-available-bytes`). */
  readonly bufferedBytes: number;
  /** From a batch's first message to its acknowledgement, retries included. */
  readonly deliveryMs: Histogram;
  /** The same by topic. */
  readonly topics: readonly (ProducedMetrics & { readonly topic: string })[];
}

/** Messages that were read. */
export interface ConsumedMetrics {
  /** Messages in the batches that loops have been given (`records-consumed-total`). */
  readonly records: number;
  /** Batches that loops have been given. */
  readonly batches: number;
  /** Bytes of records that fetches have brought (`bytes-consumed-total`). */
  readonly fetchedBytes: number;
}

/** Where a consumer is in one partition. */
export interface PartitionMetrics {
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The next offset that is not finished; undefined until its start has been looked up. */
  readonly position: number | undefined;
  /** The offset behind the last message that every in-sync replica has, as of the last fetch; undefined before the first. */
  readonly highWatermark: number | undefined;
  /** How many offsets lie between the two (`records-lag`); undefined where one of them is. */
  readonly lag: number | undefined;
  /** Bytes that are fetched and not read yet. */
  readonly bufferedBytes: number;
}

/** What all consumers of a client have done. */
export interface ConsumerMetrics extends ConsumedMetrics {
  /** Fetches of a partition that were tried again. */
  readonly retries: number;
  /** Bytes that are fetched and not read yet. */
  readonly bufferedBytes: number;
  /** The largest lag of a partition (`records-lag-max`); 0 where none is known. */
  readonly lagMax: number;
  /** The same by topic. */
  readonly topics: readonly (ConsumedMetrics & { readonly topic: string })[];
  /** The partitions that are being read now, one entry for each consumer that reads it. */
  readonly partitions: readonly PartitionMetrics[];
}

/** Metadata of the cluster. */
export interface MetadataMetrics {
  /** How often it was fetched. */
  readonly refreshes: number;
  /** How often that failed. */
  readonly failures: number;
  /** Milliseconds since it was fetched last (`metadata-age`, there in seconds). */
  readonly ageMs: number;
}

/** All of it. Totals go up for as long as the client lives: two snapshots subtracted are what lies between. */
export interface ClientMetrics {
  /** Milliseconds since the client was made. */
  readonly uptimeMs: number;
  /** Connections to all brokers. */
  readonly connections: ConnectionMetrics;
  /** Requests to all brokers. */
  readonly requests: RequestMetrics;
  /** The same by broker. */
  readonly brokers: readonly BrokerMetrics[];
  /** Its metadata. */
  readonly metadata: MetadataMetrics;
  /** Its producers. */
  readonly producer: ProducerMetrics;
  /** Its consumers. */
  readonly consumer: ConsumerMetrics;
}
