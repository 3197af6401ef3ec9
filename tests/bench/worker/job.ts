/** What a client's process is told to do, and what it tells in return: one line of JSON each way. */

/** How a profile drives its client. */
export type Kind = "lists" | "callers" | "consume" | "latency" | "retained" | "load" | "part";

/** One run of one client. Flat, so that the programs in C and Java can read it too. */
export interface Job {
  readonly kind: Kind;
  readonly client: string;
  readonly hosts: string;
  readonly topic: string;
  /** A name that no other run has, for a consumer's group. */
  readonly group: string;
  /** The file with the values, one behind the other. */
  readonly pool: string;
  readonly valueBytes: number;
  /** How many values the file has. */
  readonly poolCount: number;
  /** Where in a value its number stands, in ten digits. */
  readonly numberAt: number;
  readonly codec: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** Messages in a list, and lists in flight. */
  readonly listSize: number;
  readonly inFlight: number;
  /** Callers that each await their own message. */
  readonly callers: number;
  /** A way of its own to use the client; empty for the usual one. */
  readonly shape: string;
  /** Whether a consumer takes single messages. */
  readonly each: boolean;
  readonly warmupSeconds: number;
  /** How long it is measured; a consumer ends before that where the log ends. */
  readonly seconds: number;
  /** How many messages there are to read, and how many of them are read before it is measured. */
  readonly total: number;
  readonly warmupCount: number;
  /** Whether this run is for its result alone: numbered values, or each byte compared; nothing counts. */
  readonly verify: boolean;
  /** The file that takes a CPU profile of the measured part; empty for none. */
  readonly cpuProfile: string;
  /** What a part of a client does that is measured by itself; empty for a whole client. */
  readonly work: "" | "compress" | "decompress" | "checksum" | "metadata" | "fetch" | "produce";
  /** The file that takes what came of it, where that is to be compared. */
  readonly output: string;
  /** The topic of what is read, where a job produces too. */
  readonly backlog: string;
}

/** What a run tells. Times are in seconds, latencies in milliseconds, sizes in bytes. */
export interface Result {
  /** Messages in the measured part; of a part of a client, kilobytes or frames. */
  readonly messages: number;
  readonly seconds: number;
  /** User and system time of the whole process in the measured part. */
  readonly cpuSeconds: number;
  /** Messages produced in all, warm-up included, to be looked for in the log. */
  readonly sent?: number;
  readonly p50?: number;
  readonly p99?: number;
  /** The most that the process had in memory. */
  readonly rss: number;
  /** The most that was seen in use of the engine's heap in the measured part; 0 where nothing tells. */
  readonly heap: number;
  /** The same of buffers outside of the heap. */
  readonly buffers: number;
  /** Heap and buffers for each message that is held. */
  readonly heapPerMessage?: number;
  readonly buffersPerMessage?: number;
  /** Where it went wrong: what. */
  readonly error?: string;
}
