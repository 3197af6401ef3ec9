/** What a client tells of its work while it does it: plain data, one shape for each kind of thing that happens. */

/** A connection to a broker is ready for requests. */
export interface ConnectedEvent {
  /** Which event it is. */
  readonly type: "connected";
  /** The broker's address, `host:port`. */
  readonly broker: string;
  /** Milliseconds that it took, with all that was said until it was ready. */
  readonly durationMs: number;
  /** How the broker's versions are known: it said so (`"ApiVersions"`), or is as old as it behaves (`"0.8.2"`, `"0.9"`). */
  readonly versions: string;
}

/**
 * A broker has taken the credentials (SASL). What fails ends the connection: `connectFailed` tells of that, or, where a session was to
 * be renewed, `disconnected`.
 */
export interface AuthenticatedEvent {
  /** Which event it is. */
  readonly type: "authenticated";
  /** The broker's address, `host:port`. */
  readonly broker: string;
  /** The mechanism, as `"SCRAM-SHA-256"`. */
  readonly mechanism: string;
  /** Whether the connection was in use already, and its session was about to end (KIP-368). */
  readonly again: boolean;
  /** Milliseconds that it took, with asking for the credentials. */
  readonly durationMs: number;
}

/** A connection could not be opened. Whoever needs it tries again, or fails with this error. */
export interface ConnectFailedEvent {
  /** Which event it is. */
  readonly type: "connectFailed";
  /** The broker's address, `host:port`. */
  readonly broker: string;
  /** Milliseconds until it failed. */
  readonly durationMs: number;
  /** Why: a `KafkaError`, or the reason of the signal that ended the attempt. */
  readonly error: unknown;
}

/** A connection that was open is gone. */
export interface DisconnectedEvent {
  /** Which event it is. */
  readonly type: "disconnected";
  /** The broker's address, `host:port`. */
  readonly broker: string;
  /** Milliseconds that it was open. */
  readonly openMs: number;
  /** Requests that waited for an answer, and have failed with it. */
  readonly inFlight: number;
  /** Whether this client closed it: it was idle, or not needed any more. */
  readonly expected: boolean;
  /** Why: a `KafkaError`. */
  readonly error: unknown;
}

/** A request has its answer, or its end without one. What is said while a connection is opened belongs to `connected`. */
export interface RequestEvent {
  /** Which event it is. */
  readonly type: "request";
  /** The broker's address, `host:port`. */
  readonly broker: string;
  /** Kafka's name of the request: `"Produce"`, `"Fetch"`, `"Metadata"`. */
  readonly api: string;
  /** The version that was spoken. */
  readonly version: number;
  /** The number that ties the request to its answer, as brokers log it. */
  readonly correlationId: number;
  /** Bytes of the request, its head and size included. */
  readonly requestBytes: number;
  /** Bytes of the answer, its head and size included; 0 if none came. */
  readonly responseBytes: number;
  /** Milliseconds from the request to its answer or end; for what is not answered (Produce with `acks: 0`) until it was written. */
  readonly durationMs: number;
  /** Milliseconds that the broker throttled it for; 0 if it did not. */
  readonly throttleMs: number;
  /** Why there is no answer: a `KafkaError`, or the reason of the caller's signal; undefined if there is one. What the answer says may be an error all the same. */
  readonly error: unknown;
}

/** Something failed in a way that may heal, and is tried again. */
export interface RetryEvent {
  /** Which event it is. */
  readonly type: "retry";
  /** What is tried again: sending a batch, fetching a partition, or a call that asks brokers for something else. Metadata has an event of its own. */
  readonly what: "produce" | "fetch" | "call";
  /** The topic, where it is about one. */
  readonly topic: string | undefined;
  /** The partition, where it is about one. */
  readonly partition: number | undefined;
  /** How often it has failed by now, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next try. */
  readonly delayMs: number;
  /** Why it failed: a `KafkaError`. */
  readonly error: unknown;
}

/** Metadata of the cluster was fetched, or could not be. */
export interface MetadataEvent {
  /** Which event it is. */
  readonly type: "metadata";
  /** Who was asked, `host:port`; undefined if nobody answered. */
  readonly broker: string | undefined;
  /** How many brokers are known now. */
  readonly brokers: number;
  /** How many topics are known now. */
  readonly topics: number;
  /** Milliseconds that it took. */
  readonly durationMs: number;
  /** Why it failed: a `KafkaError`; undefined if it went well. */
  readonly error: unknown;
}

/** A batch was sent, and this is what became of it. One that is tried again is told of each time. */
export interface BatchSentEvent {
  /** Which event it is. */
  readonly type: "batchSent";
  /** The leader's address, `host:port`; undefined if there was no connection. */
  readonly broker: string | undefined;
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** How many records it holds. */
  readonly records: number;
  /** Its bytes before compression, its head included. */
  readonly uncompressedBytes: number;
  /** Its bytes as they travel; 0 if it did not come so far. */
  readonly bytes: number;
  /** Which try this was, from 1. */
  readonly attempt: number;
  /** Milliseconds since its first record was taken. */
  readonly durationMs: number;
  /** The offset of its first record; -1 if the broker did not say. */
  readonly baseOffset: number;
  /** Why it failed: a `KafkaError`; undefined if it was acknowledged, or written with `acks: 0`. A `retry` follows if it is tried again. */
  readonly error: unknown;
}

/** A fetch brought something for a partition. */
export interface BatchFetchedEvent {
  /** Which event it is. */
  readonly type: "batchFetched";
  /** The leader's address, `host:port`. */
  readonly broker: string;
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** How many record batches. */
  readonly batches: number;
  /** How many records their heads say that they hold; -1 where heads do not say (compressed messages before Kafka 0.11). */
  readonly records: number;
  /** Bytes as they travelled. */
  readonly bytes: number;
  /** The first offset. */
  readonly baseOffset: number;
  /** The last offset. */
  readonly lastOffset: number;
  /** The offset behind the last message that every in-sync replica has. */
  readonly highWatermark: number;
}

/** The log does not hold the offset that a consumer wanted: it goes on elsewhere. */
export interface OffsetResetEvent {
  /** Which event it is. */
  readonly type: "offsetReset";
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The offset that is not there. */
  readonly offset: number;
  /** Where it goes on. */
  readonly to: "earliest" | "latest";
}

/** A consumer can not go on in a partition (corrupt records, say); its reader is told, and may seek elsewhere. */
export interface PartitionFailedEvent {
  /** Which event it is. */
  readonly type: "partitionFailed";
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The offset that it stopped at; undefined where none is known yet. */
  readonly offset: number | undefined;
  /** Why: a `KafkaError`. */
  readonly error: unknown;
}

/**
 * Something that happened. Tell them apart by `type`; later versions add types, so leave alone those that you do not know. It is told
 * while it happens, and belongs to you: keep it, or send it elsewhere.
 */
export type ClientEvent =
  | ConnectedEvent
  | AuthenticatedEvent
  | ConnectFailedEvent
  | DisconnectedEvent
  | RequestEvent
  | RetryEvent
  | MetadataEvent
  | BatchSentEvent
  | BatchFetchedEvent
  | OffsetResetEvent
  | PartitionFailedEvent;
