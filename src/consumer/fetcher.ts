/** Fetch loops, one for each broker that leads something: what comes next is asked for while what came last is being read. */

import { Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { Telemetry } from "../base/telemetry.ts";
import type { Timer, World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Lane } from "../cluster/pool.ts";
import { type BackoffSettings, delayMs } from "../cluster/retry.ts";
import { isHarmless } from "../connection/again.ts";
import { fetch } from "../protocol/fetch.ts";
import type { Asked, Cursor } from "./cursor.ts";
import { fetchBody, type FetchSizes, takeAnswer, type Takers } from "./fetching.ts";

/** How to fetch. */
export interface FetchSettings extends BackoffSettings, FetchSizes {
  /** A broker waits for `minBytes`, but not longer than so many milliseconds. */
  readonly maxWaitMs: number;
  /** Bytes that are fetched and not read yet. */
  readonly bufferBytes: number;
  /** Milliseconds on top of `maxWaitMs` for an answer. */
  readonly requestTimeoutMs: number;
}

/** What fetchers work with. */
export interface FetchParts {
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly cluster: Cluster;
  readonly settings: FetchSettings;
  /** The partitions, in the order in which they are asked for. */
  readonly cursors: () => readonly Cursor[];
  /** Something came, or a cursor has failed. */
  readonly arrived: () => void;
  /** The offset is not in the log. */
  readonly outOfRange: (cursor: Cursor) => void;
}

/** The loops at one broker. */
interface Loops {
  first: Promise<void> | undefined;
  second: Promise<void> | undefined;
  /** When the first loop's broker is going to answer at the latest, while it is asked. */
  waitsUntil: number | undefined;
}

/** From this version on a request names topics by their ids (KIP-516). */
const BY_TOPIC_ID = 13;
/**
 * So many answers' worth of one partition may be held: one that is read, and one that is ready when it ends; but only one where what
 * is held of all partitions is half an answer or more: then there is something to read meanwhile.
 */
const ANSWERS_HELD = 2;
/** What the first loop asks for so soon is not worth a request of the second. */
const MERGE_MS = 5;
/** The second loop waits for less at a time, since somebody else may need it meanwhile: a share of what is left, but not nothing. */
const SECOND_WAITS = 20;
const SECOND_WAIT_MS = 50;
/** An answer that nobody can understand may be an accident of its connection; so many in a row are none. */
const MISUNDERSTANDINGS_MAX = 3;

/**
 * The fetch loops of one consumer. A broker answers the requests of a connection one after the other, and keeps one that finds
 * nothing for up to `maxWaitMs`. A partition that is to be fetched meanwhile (its reader has sought, resumed, or made room) cannot
 * wait for that: a second loop asks for it on a connection of its own, and keeps the broker no longer than the first does, so that
 * in the end the first asks for all again, and the second rests.
 */
export class Fetchers {
  readonly #parts: FetchParts;
  readonly #loops = new Map<number, Loops>();
  readonly #lanes: readonly [first: Lane, second: Lane];
  readonly #gate: Gate;
  readonly #ended = new AbortController();
  readonly #takers: Takers;
  #turn = 0;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  /** No loop runs before `look`. */
  constructor(parts: FetchParts) {
    this.#parts = parts;
    this.#lanes = [parts.cluster.newFetchLane(), parts.cluster.newFetchLane()];
    this.#gate = new Gate(parts.world, "something to fetch");
    const { cluster, settings, outOfRange, telemetry } = parts;
    const [later, failed] = [this.#later.bind(this), this.#failed.bind(this)];
    this.#takers = { cluster, settings, outOfRange, later, failed, telemetry };
  }

  /** Leaders, cursors or buffers have changed: starts the loops that are missing, and wakes those that wait. */
  look(): void {
    if (this.#ended.signal.aborted) return;
    const buffered = this.#buffered();
    const hasRoom = buffered < this.#parts.settings.bufferBytes;
    for (const cursor of this.#parts.cursors()) {
      const leader = this.#leaderOf(cursor);
      if (leader < 0) {
        this.#parts.cluster.lookAgain();
        continue;
      }
      const loops = this.#loopsOf(leader);
      loops.first ??= this.#start(leader, loops);
      if (
        !loops.second && hasRoom && this.#secondWaitMs(loops) !== undefined && this.#isMissing(cursor, leader, buffered)
      ) {
        loops.second = this.#startSecond(leader, loops);
      }
    }
    this.#gate.open();
  }

  /** Ends the loops; what is in flight is given up. */
  async close(): Promise<void> {
    this.#ended.abort(new KafkaError("CLOSED", "The consumer has been closed"));
    this.#timer?.cancel();
    await Promise.all([...this.#loops.values()].flatMap(({ first, second }) => [first, second]));
    for (const lane of this.#lanes) this.#parts.cluster.closeLane(lane);
  }

  #leaderOf({ topic, partition }: Cursor): number {
    return this.#parts.cluster.partition(topic, partition)?.leader ?? -1;
  }

  #loopsOf(leader: number): Loops {
    let loops = this.#loops.get(leader);
    if (!loops) this.#loops.set(leader, loops = { first: undefined, second: undefined, waitsUntil: undefined });
    return loops;
  }

  #start(leader: number, loops: Loops): Promise<void> {
    return this.#parts.world.task(
      `fetch loop of broker ${leader}`,
      () => this.#untilEnded(() => this.#run(leader, loops)),
    );
  }

  #startSecond(leader: number, loops: Loops): Promise<void> {
    return this.#parts.world.task(
      `second fetch loop of broker ${leader}`,
      () => this.#untilEnded(() => this.#runSecond(leader, loops)),
    );
  }

  async #untilEnded(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!this.#ended.signal.aborted) throw error;
    }
  }

  async #run(leader: number, loops: Loops): Promise<void> {
    const { world, settings: { maxWaitMs } } = this.#parts;
    while (this.#isNeeded(leader)) {
      const cursors = this.#missing(leader);
      if (cursors.length === 0) await this.#gate.wait(this.#ended.signal);
      else {
        loops.waitsUntil = world.now() + maxWaitMs;
        await this.#fetch(leader, this.#lanes[0], cursors, maxWaitMs);
        loops.waitsUntil = undefined;
      }
    }
    // In the same step as the look: a partition that comes back in the next step finds no loop, and starts one.
    loops.first = undefined;
  }

  /** Asks for what the first loop has not asked for, as long as that one waits. */
  async #runSecond(leader: number, loops: Loops): Promise<void> {
    // Whoever started it opens the gate when he has looked at all partitions: several may have changed at once.
    await this.#gate.wait(this.#ended.signal);
    while (this.#isNeeded(leader)) {
      const waitMs = this.#secondWaitMs(loops);
      const cursors = waitMs === undefined ? [] : this.#missing(leader);
      if (waitMs === undefined || cursors.length === 0) await this.#gate.wait(this.#ended.signal);
      else {
        await this.#fetch(leader, this.#lanes[1], cursors, waitMs);
        this.#gate.open(); // the first loop may have nothing else to do
      }
    }
    loops.second = undefined;
  }

  #isNeeded(leader: number): boolean {
    return this.#parts.cursors().some((cursor) => this.#leaderOf(cursor) === leader);
  }

  /** How long the second loop may keep the broker; undefined if the first asks for everything soon enough. */
  #secondWaitMs({ waitsUntil }: Loops): number | undefined {
    if (waitsUntil === undefined) return undefined;
    const left = Math.ceil(waitsUntil - this.#parts.world.now());
    return left > MERGE_MS ? Math.min(left, Math.max(SECOND_WAIT_MS, Math.ceil(left / SECOND_WAITS))) : undefined;
  }

  /** Bytes that are held and going to be read. */
  #buffered(): number {
    let buffered = 0;
    for (const cursor of this.#parts.cursors()) if (cursor.isRead) buffered += cursor.bufferedBytes;
    return buffered;
  }

  /** Whether something is to be fetched, and nobody has asked for it. */
  #isMissing(cursor: Cursor, leader: number, buffered: number): boolean {
    const { world, settings: { partitionBytes, responseBytes } } = this.#parts;
    const answers = buffered * 2 < responseBytes ? ANSWERS_HELD : 1;
    return !cursor.isAskedOf(leader) && cursor.isFetchable(world.now(), answers * partitionBytes);
  }

  /** Those that are to be asked about, each time beginning with another one, so that none starves (KIP-74). */
  #missing(leader: number): Cursor[] {
    const buffered = this.#buffered();
    if (buffered >= this.#parts.settings.bufferBytes) return [];
    const missing = this.#parts.cursors().filter((cursor) =>
      this.#leaderOf(cursor) === leader && this.#isMissing(cursor, leader, buffered)
    );
    const first = this.#turn++ % Math.max(1, missing.length);
    return [...missing.slice(first), ...missing.slice(0, first)];
  }

  async #fetch(leader: number, lane: Lane, cursors: readonly Cursor[], maxWaitMs: number): Promise<void> {
    const { cluster, settings, arrived } = this.#parts;
    const { signal } = this.#ended;
    const asked = cursors.map((cursor): Asked => {
      return cursor.asked = { cursor, leader, generation: cursor.generation, offset: cursor.fetchOffset };
    });
    try {
      const connection = await cluster.connection(leader, lane, signal);
      const haveIds = cursors.every(({ topic }) => cluster.snapshot.topics.get(topic)?.id !== undefined);
      const response = await connection.request(fetch, fetchBody(cluster, settings, asked, maxWaitMs), {
        signal,
        timeoutMs: maxWaitMs + settings.requestTimeoutMs,
        ...(!haveIds && { versionMax: BY_TOPIC_ID - 1 }),
      });
      const { label: broker } = connection;
      if (response.errorCode !== 0) throw KafkaError.ofBroker(response.errorCode, "to Fetch", { broker });
      takeAnswer(this.#takers, connection, asked, response);
      arrived();
    } catch (error) {
      if (signal.aborted) throw error;
      if (isHarmless(error)) return;
      for (const { cursor, generation } of asked) {
        if (cursor.generation === generation) this.#broken(cursor, error);
      }
    } finally {
      for (const one of asked) if (one.cursor.asked === one) one.cursor.asked = undefined;
    }
  }

  /** It is asked for again, but not at once. */
  #later(cursor: Cursor, error?: unknown): void {
    const { world, settings, telemetry } = this.#parts;
    const ms = delayMs(world, settings, ++cursor.failures);
    if (error !== undefined) telemetry.fetchRetried(cursor, cursor.failures, ms, error);
    cursor.retryAt = world.now() + ms;
    this.#lookAt(cursor.retryAt);
  }

  /** Looks again when a backoff is over, and sets the timer for the next one. */
  #lookAt(at: number): void {
    if (at >= this.#timerAt || this.#ended.signal.aborted) return;
    const { world, cursors } = this.#parts;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = world.timer(Math.max(0, at - world.now()), () => {
      this.#timerAt = Infinity;
      const now = world.now();
      for (const { retryAt } of cursors()) if (retryAt > now) this.#lookAt(retryAt);
      this.look();
    });
  }

  /** The whole request has failed. What does not heal is told to the reader, and tried again when he asks for more. */
  #broken(cursor: Cursor, error: unknown): void {
    const isOdd = error instanceof KafkaError && (error.code === "PROTOCOL_ERROR" || error.code === "FRAME_TOO_LARGE");
    if (isHealing(error) || (isOdd && ++cursor.misunderstandings < MISUNDERSTANDINGS_MAX)) {
      return this.#again(cursor, error);
    }
    this.#later(cursor);
    cursor.misunderstandings = 0;
    const failure = placed(error, cursor);
    cursor.interrupt(failure);
    this.#parts.telemetry.partitionFailed(cursor, cursor.fetchOffset, failure);
    this.#parts.arrived();
  }

  /** The partition has failed: what heals is tried again later, the rest stops it until somebody seeks. */
  #failed(cursor: Cursor, error: unknown): void {
    if (isHealing(error)) return this.#again(cursor, error);
    const failure = placed(error, cursor);
    cursor.fail(failure);
    this.#parts.telemetry.partitionFailed(cursor, cursor.fetchOffset, failure);
    this.#parts.arrived();
  }

  #again(cursor: Cursor, error: unknown): void {
    this.#later(cursor, error);
    this.#parts.cluster.lookAgain(error);
  }
}

/** The error, with the place where the reader stands: it counts, not the one that corrupt bytes say they have. */
function placed(error: unknown, { topic, partition, fetchOffset: offset }: Cursor): KafkaError {
  if (error instanceof KafkaError) return error.with({ topic, partition, offset });
  const what = error instanceof Error ? error.message : String(error);
  const detail = `${topic}/${partition} could not be fetched: ${what}`;
  return new KafkaError("PROTOCOL_ERROR", detail, { topic, partition, offset, cause: error });
}

/** Java's consumer goes on after a broker's nameless failure as well; records that are corrupt stay so. */
function isHealing(error: unknown): boolean {
  if (!(error instanceof KafkaError) || error.code === "CORRUPT_MESSAGE") return false;
  return error.retriable || error.code === "UNKNOWN_SERVER_ERROR";
}
