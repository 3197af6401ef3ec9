/** One loop for each broker that leads something: asks for what its partitions have next, while what came last is being read. */

import { errorNumbers } from "../base/error_codes.ts";
import { Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Lane } from "../cluster/pool.ts";
import { type BackoffSettings, delayMs } from "../cluster/retry.ts";
import { isHarmless } from "../connection/again.ts";
import type { Connection } from "../connection/connection.ts";
import { fetch } from "../protocol/fetch.ts";
import { type RecordBatch, recordBatches } from "../records/reading.ts";
import type { Request, Response } from "../wire/schema.ts";
import type { Cursor } from "./cursor.ts";

/** How to fetch. */
export interface FetchSettings extends BackoffSettings {
  /** A broker waits for so many bytes before it answers. */
  readonly minBytes: number;
  /** But not longer than so many milliseconds. */
  readonly maxWaitMs: number;
  /** Bytes of one partition in an answer; a larger first batch comes whole. */
  readonly partitionBytes: number;
  /** Bytes of an answer. */
  readonly responseBytes: number;
  /** Bytes that are fetched and not read yet. */
  readonly bufferBytes: number;
  /** Milliseconds on top of `maxWaitMs` for an answer. */
  readonly requestTimeoutMs: number;
}

/** What fetchers work with. */
export interface FetchParts {
  readonly world: World;
  readonly cluster: Cluster;
  readonly settings: FetchSettings;
  /** The partitions, in the order in which they are asked for. */
  readonly cursors: () => readonly Cursor[];
  /** Something came, or a cursor has failed. */
  readonly arrived: () => void;
  /** The offset is not in the log. */
  readonly outOfRange: (cursor: Cursor) => void;
}

/** A cursor as it was when it was asked about. */
interface Asked {
  readonly cursor: Cursor;
  readonly generation: number;
  readonly offset: number;
}

type PartitionAnswer = Response<typeof fetch>["responses"][number]["partitions"][number];

/** From this version on a request names topics by their ids (KIP-516). */
const BY_TOPIC_ID = 13;
/** From this version on the first batch comes whole, and nothing instead of a part of one (KIP-74). */
const WHOLE_FIRST = 3;
/** The largest piece of one partition that is asked for after smaller ones did not hold a batch. */
const PARTITION_BYTES_MAX = 1024 * 1024 * 1024;

/** The fetch loops of one consumer. */
export class Fetchers {
  readonly #parts: FetchParts;
  readonly #loops = new Map<number, Promise<void>>();
  readonly #lane: Lane;
  readonly #gate: Gate;
  readonly #ended = new AbortController();
  #turn = 0;

  /** No loop runs before `look`. */
  constructor(parts: FetchParts) {
    this.#parts = parts;
    this.#lane = parts.cluster.newFetchLane();
    this.#gate = new Gate(parts.world, "something to fetch");
  }

  /** Leaders, cursors or buffers have changed: starts the loops that are missing, and wakes those that wait. */
  look(): void {
    if (this.#ended.signal.aborted) return;
    for (const cursor of this.#parts.cursors()) {
      const leader = this.#leaderOf(cursor);
      if (leader < 0) this.#parts.cluster.lookAgain();
      else if (!this.#loops.has(leader)) this.#start(leader);
    }
    this.#gate.open();
  }

  /** Ends the loops; what is in flight is given up. */
  async close(): Promise<void> {
    this.#ended.abort(new KafkaError("CLOSED", "The consumer has been closed"));
    await Promise.all(this.#loops.values());
    this.#parts.cluster.closeLane(this.#lane);
  }

  #leaderOf({ topic, partition }: Cursor): number {
    return this.#parts.cluster.partition(topic, partition)?.leader ?? -1;
  }

  #start(leader: number): void {
    const loop = this.#parts.world.task(`fetch loop of broker ${leader}`, async () => {
      try {
        await this.#run(leader);
      } catch (error) {
        if (!this.#ended.signal.aborted) throw error;
      }
    });
    this.#loops.set(leader, loop);
  }

  async #run(leader: number): Promise<void> {
    const { signal } = this.#ended;
    for (;;) {
      const led = this.#parts.cursors().filter((cursor) => this.#leaderOf(cursor) === leader);
      if (led.length === 0) {
        // In the same step as the look: a partition that comes back in the next step finds no loop, and starts one.
        this.#loops.delete(leader);
        return;
      }
      const cursors = this.#fetchable(led);
      if (cursors.length === 0) await this.#idle(led, signal);
      else await this.#fetch(leader, cursors, signal);
    }
  }

  /** Those that may be asked about, each time beginning with another one, so that none starves (KIP-74). */
  #fetchable(led: readonly Cursor[]): Cursor[] {
    const { world, cursors, settings: { bufferBytes, partitionBytes } } = this.#parts;
    let buffered = 0;
    for (const cursor of cursors()) if (cursor.isRead) buffered += cursor.bufferedBytes;
    if (buffered >= bufferBytes) return [];
    const now = world.now();
    const fetchable = led.filter((cursor) => cursor.isFetchable(now, partitionBytes));
    const first = this.#turn++ % Math.max(1, fetchable.length);
    return [...fetchable.slice(first), ...fetchable.slice(0, first)];
  }

  /** Waits until something is read, sought, resumed, moved, or a backoff is over. */
  async #idle(led: readonly Cursor[], signal: AbortSignal): Promise<void> {
    const { world } = this.#parts;
    const now = world.now();
    const wakeAt = Math.min(...led.map(({ retryAt }) => retryAt > now ? retryAt : Infinity));
    const timer = wakeAt === Infinity ? undefined : world.timer(wakeAt - now, () => this.#gate.open());
    try {
      await this.#gate.wait(signal);
    } finally {
      timer?.cancel();
    }
  }

  async #fetch(leader: number, cursors: readonly Cursor[], signal: AbortSignal): Promise<void> {
    const { cluster, settings: { maxWaitMs, requestTimeoutMs } } = this.#parts;
    const asked = cursors.map((cursor) => ({ cursor, generation: cursor.generation, offset: cursor.fetchOffset }));
    try {
      const connection = await cluster.connection(leader, this.#lane, signal);
      const haveIds = cursors.every(({ topic }) => cluster.snapshot.topics.get(topic)?.id !== undefined);
      const options = {
        signal,
        timeoutMs: maxWaitMs + requestTimeoutMs,
        ...(!haveIds && { versionMax: BY_TOPIC_ID - 1 }),
      };
      const response = await connection.request(fetch, this.#body(asked), options);
      if (response.errorCode !== 0) {
        throw KafkaError.ofBroker(response.errorCode, "to Fetch", { broker: connection.label });
      }
      this.#take(connection, asked, response);
    } catch (error) {
      if (signal.aborted) throw error;
      if (isHarmless(error)) return;
      for (const { cursor, generation } of asked) {
        if (cursor.generation === generation) this.#failed(cursor, error);
      }
    }
  }

  #body(asked: readonly Asked[]): Request<typeof fetch> {
    const { cluster, settings: { maxWaitMs, minBytes, responseBytes } } = this.#parts;
    const topics = new Map<string, Request<typeof fetch>["topics"][number]["partitions"][number][]>();
    let maxBytes = responseBytes;
    for (const { cursor, offset } of asked) {
      const partitions = topics.get(cursor.topic) ?? [];
      const leaderEpoch = cluster.partition(cursor.topic, cursor.partition)?.leaderEpoch ?? -1;
      maxBytes = Math.max(maxBytes, cursor.bytesMax);
      partitions.push({
        partition: cursor.partition,
        currentLeaderEpoch: leaderEpoch,
        fetchOffset: offset,
        partitionMaxBytes: cursor.bytesMax,
      });
      topics.set(cursor.topic, partitions);
    }
    const named = [...topics].map(([topic, partitions]) => {
      const topicId = cluster.snapshot.topics.get(topic)?.id;
      return { topic, ...(topicId !== undefined && { topicId }), partitions };
    });
    return { maxWaitMs, minBytes, maxBytes, topics: named };
  }

  #take(connection: Connection, asked: readonly Asked[], response: Response<typeof fetch>): void {
    const { cluster, arrived } = this.#parts;
    const answers = new Map<string, PartitionAnswer>();
    for (const { topic, topicId, partitions } of response.responses) {
      for (const answer of partitions) answers.set(`${topic || topicId}/${answer.partitionIndex}`, answer);
    }
    for (const { cursor, generation, offset } of asked) {
      // Somebody sought elsewhere while the answer was under way: it is about a place where nobody is.
      if (cursor.generation !== generation || cursor.fetchOffset !== offset) continue;
      const { topic, partition } = cursor;
      const id = cluster.snapshot.topics.get(topic)?.id;
      const answer = answers.get(`${topic}/${partition}`) ?? answers.get(`${id}/${partition}`);
      try {
        if (answer) this.#takePartition(connection, cursor, answer);
        else this.#later(cursor);
      } catch (error) {
        this.#failed(cursor, error);
      }
    }
    arrived();
  }

  #takePartition({ label: broker, versions }: Connection, cursor: Cursor, answer: PartitionAnswer): void {
    const { topic, partition } = cursor;
    if (answer.errorCode === errorNumbers.OFFSET_OUT_OF_RANGE) {
      // What was fetched before is read first: then it is asked for once more.
      if (!cursor.isBehind) this.#parts.outOfRange(cursor);
      return this.#later(cursor);
    }
    if (answer.errorCode !== 0) {
      throw KafkaError.ofBroker(answer.errorCode, "", { broker, topic, partition, offset: cursor.fetchOffset });
    }
    cursor.failures = 0;
    const { records, highWatermark } = answer;
    if (!records || records.length === 0) return;
    const batches = recordBatches(records, { topic, partition });
    if (batches.length > 0) {
      cursor.bytesMax = this.#parts.settings.partitionBytes;
      // What lies wholly in front of the place, or of another batch, is dropped; one that begins before it is read from its middle.
      const useful: RecordBatch[] = [];
      let next = cursor.fetchOffset;
      for (const batch of batches) {
        if (batch.lastOffset < next) continue;
        useful.push(batch);
        next = batch.lastOffset + 1;
      }
      if (useful.length > 0) cursor.add({ batches: useful, next: 0, highWatermark, bytes: records.length });
      else this.#later(cursor); // no broker gives what was not asked for; this one is not asked at once again
      return;
    }
    if ((versions.best(fetch) ?? 0) >= WHOLE_FIRST) {
      const detail = `${broker} gave ${records.length} bytes of ${topic}/${partition} without a whole batch in them`;
      throw new KafkaError("PROTOCOL_ERROR", detail, { broker, topic, partition, offset: cursor.fetchOffset });
    }
    // Brokers before 0.10.1 cut even the first batch where the bytes end: ask for more until it fits.
    if (cursor.bytesMax >= PARTITION_BYTES_MAX) {
      const detail = `${topic}/${partition} has a batch of more than ${cursor.bytesMax} bytes at ${cursor.fetchOffset}`;
      throw new KafkaError("FRAME_TOO_LARGE", detail, { broker, topic, partition, offset: cursor.fetchOffset });
    }
    cursor.bytesMax *= 2;
  }

  /** It is asked for again, but not at once. */
  #later(cursor: Cursor): void {
    const { world, settings } = this.#parts;
    cursor.retryAt = world.now() + delayMs(world, settings, ++cursor.failures);
  }

  /** What heals is tried again later; the rest stops the partition until somebody seeks, and is told to the reader. */
  #failed(cursor: Cursor, error: unknown): void {
    const { cluster, arrived } = this.#parts;
    const { topic, partition, fetchOffset: offset } = cursor;
    if (isHealing(error)) {
      this.#later(cursor);
      cluster.lookAgain();
      return;
    }
    // The place where the reader stands counts, not the one that corrupt bytes say they have.
    cursor.error = error instanceof KafkaError ? error.with({ topic, partition, offset }) : new KafkaError(
      "PROTOCOL_ERROR",
      `${topic}/${partition} could not be fetched: ${error instanceof Error ? error.message : String(error)}`,
      { topic, partition, offset, cause: error },
    );
    arrived();
  }
}

/** Java's consumer goes on after a broker's nameless failure as well; records that are corrupt stay so. */
function isHealing(error: unknown): boolean {
  if (!(error instanceof KafkaError) || error.code === "CORRUPT_MESSAGE") return false;
  return error.retriable || error.code === "UNKNOWN_SERVER_ERROR";
}
