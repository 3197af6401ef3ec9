/** What another client is asked to do on an embedded cluster, and what it tells of it: one line of JSON each. */

/** Bytes cross the pipe in base64. */
export type Base64 = string;

/** A header: its name and its value. */
export type JobHeader = readonly [name: string, value: Base64 | null];

/** A record to write. */
export interface JobRecord {
  readonly partition: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly key: Base64 | null;
  readonly value: Base64 | null;
  readonly headers: readonly JobHeader[];
}

/** What to do, in this order: make, write, ask for offsets, read, delete. */
export interface Job {
  readonly hosts: string;
  /** Where the client's package lies. */
  readonly folder: string;
  /** The release that the brokers play, for clients that have to be told. */
  readonly release: string;
  /** Whether that knows timestamps. */
  readonly timestamps: boolean;
  /** Whether topics are made, listed and deleted by the client; else they are there already. */
  readonly admin: boolean;
  /** How many partitions the topics get that the client makes. */
  readonly partitions: number;
  /** The topics to write to, all records to each, one after the other. */
  readonly writes: readonly { readonly topic: string; readonly codec: string; readonly idempotent: boolean | null }[];
  /** What to write. */
  readonly records: readonly JobRecord[];
  /** The topics of which the first and the next offset are asked for, and which are read from the start, by partition. */
  readonly reads: readonly string[];
  /** The topics in which the first offset is looked up from this time on, where the client can. */
  readonly searches: readonly string[];
  readonly time: number;
  /** The topic to delete. */
  readonly gone: string;
}

/** A record that was read. */
export type ReadRecord = readonly [
  partition: number,
  offset: number,
  timestamp: number,
  key: Base64 | null,
  value: Base64 | null,
  headers: readonly JobHeader[],
];

/** What a client tells. What it has no API for, it leaves out. */
export interface Told {
  /** Which version it is. */
  readonly version: string;
  /** The names of the topics that are there, before it deletes one. */
  readonly listed?: readonly string[];
  /** By topic: the offset of each record that was written, in their order. */
  readonly written: Readonly<Record<string, readonly number[]>>;
  /** By topic: partition, first offset, next offset. */
  readonly offsets?: Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
  /** By topic: partition, and the offset of the first record from the job's time on; -1 where there is none. */
  readonly since?: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  /** By topic: what is there, each partition's in its order. */
  readonly read?: Readonly<Record<string, readonly ReadRecord[]>>;
}
