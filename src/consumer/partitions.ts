/** The partitions that a consumer reads: where each begins and goes on, and which have been added to the topic. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { ClientParts } from "../cluster/parts.ts";
import { Cursor } from "./cursor.ts";
import type { CommittedOffset } from "./group_offsets.ts";
import { findOffsets, offsetsOf, type Place } from "./offsets.ts";
import type { CheckedOptions } from "./options.ts";

/** What partitions are read with. */
export interface PartitionsParts extends Pick<ClientParts, "world" | "telemetry" | "cluster"> {
  readonly topic: string;
  readonly options: CheckedOptions;
  /** What the group has committed, by partition; undefined where there is no group. */
  readonly committed:
    | ((cursors: readonly Cursor[], signal: AbortSignal) => Promise<Map<number, CommittedOffset>>)
    | undefined;
  /** Something may be fetched, or told to the reader, that could not before. */
  readonly changed: () => void;
  /** The end of the consumer. */
  readonly signal: AbortSignal;
}

/** The cursors of one consumer. */
export class Partitions {
  readonly #parts: PartitionsParts;
  readonly #cursors = new Map<number, Cursor>();
  readonly #tasks = new Set<Promise<void>>();
  /** Whose places could not be looked up, and whether what is committed goes before. */
  readonly #lost = new Map<Cursor, boolean>();
  #all: readonly Cursor[] = [];
  #turn: readonly Cursor[] = [];
  /** Whether the cluster keeps the topic's metadata fresh for us. */
  #isUser = false;

  /** None before `begin`. */
  constructor(parts: PartitionsParts) {
    this.#parts = parts;
  }

  /** All of them, in the order in which they came. */
  get all(): readonly Cursor[] {
    return this.#all;
  }

  /** All of them, whoever has waited longest to be read first. */
  get turn(): readonly Cursor[] {
    return this.#turn;
  }

  /** It has been read: now it is the others' turn. */
  toEnd(cursor: Cursor): void {
    this.#turn = [...this.#turn.filter((other) => other !== cursor), cursor];
  }

  /** The cursor of a partition; `INVALID_OPTION` if it is not read. */
  of(partition: number): Cursor {
    const cursor = this.#cursors.get(partition);
    if (cursor) return cursor;
    throw new KafkaError(
      "INVALID_OPTION",
      `Partition ${partition} of ${this.#parts.topic} is not read by this consumer, or not yet`,
    );
  }

  /** Those that are named, or all. */
  those(partitions: readonly number[] | undefined): readonly Cursor[] {
    return partitions ? partitions.map((partition) => this.of(partition)) : this.#all;
  }

  /** Whether everything up to the end that was asked for is finished. */
  get isDone(): boolean {
    return this.#parts.options.until === "end" && this.#all.every((cursor) => cursor.isDone);
  }

  /** Whether one does not know yet where to start, and will; throws what keeps it from that. */
  get isLooking(): boolean {
    if (this.#parts.signal.aborted) return false;
    for (const cursor of this.#all) {
      cursor.tell();
      if (cursor.lookup !== undefined) return true;
    }
    return false;
  }

  /** Finds out which there are, and has their starts looked up; each begins as soon as its own is known. */
  async begin(): Promise<void> {
    const { cluster, topic: name, options, signal } = this.#parts;
    const { partitions: wanted, from, until } = options;
    // From here on, and not only once its ends are known: what is in use is not believed to be gone on one broker's word.
    if (!this.#isUser) cluster.use(name);
    this.#isUser = true;
    const topic = await cluster.topic(name, signal);
    const partitions = wanted ?? topic.partitions.map(({ partition }) => partition);
    const unknown = partitions.find((partition) => !topic.partitions[partition]);
    if (unknown !== undefined) {
      const detail = `${name} has ${topic.partitions.length} partitions, from 0; ${unknown} is none of them`;
      throw new KafkaError("INVALID_OPTION", `simpleConsumer: partitions: ${detail}`, {
        topic: name,
        partition: unknown,
      });
    }
    const ends = until === "end" ? await this.#ends(partitions) : undefined;
    signal.throwIfAborted();
    this.#add(partitions, from, ends);
    this.#run(`partitions of ${name}`, () => this.#watch());
  }

  /** What could not be looked up is looked up anew, if its reader has been told: perhaps he has done something about it. */
  again(): void {
    for (const isStart of [true, false]) {
      const places = new Map<Place, Cursor[]>();
      for (const [cursor, is] of this.#lost) {
        if (is !== isStart || cursor.error || cursor.lookup === undefined) continue;
        this.#lost.delete(cursor);
        places.set(cursor.lookup, [...places.get(cursor.lookup) ?? [], cursor]);
      }
      for (const [place, cursors] of places) {
        this.#run(`places in ${this.#parts.topic}`, () => {
          return isStart || typeof place === "number" ? this.#start(cursors, place) : this.#lookUp(cursors, place);
        });
      }
    }
  }

  /** Goes on at another place, which is looked up if it is none yet. */
  seek(cursor: Cursor, to: Place): void {
    cursor.seek(to);
    this.#lost.delete(cursor);
    if (typeof to !== "number") this.#run(`place in ${this.#parts.topic}`, () => this.#lookUp([cursor], to));
    this.#parts.changed();
  }

  /** The log does not hold the offset that a cursor wants to fetch: goes on where `reset` says. */
  outOfRange(cursor: Cursor): void {
    const { options: { reset }, topic, telemetry } = this.#parts;
    const { partition, fetchOffset: offset } = cursor;
    if (reset !== "error") {
      telemetry.offsetReset(cursor, offset, reset);
      this.seek(cursor, reset);
      cursor.wasReset = true;
      return;
    }
    this.#fail(
      cursor,
      KafkaError.ofBroker(errorNumbers.OFFSET_OUT_OF_RANGE, `offset ${offset}`, { topic, partition, offset }),
    );
    this.#parts.changed();
  }

  /** Ends what is being looked up; the signal has aborted. */
  async close(): Promise<void> {
    await Promise.all(this.#tasks);
    if (this.#isUser) this.#parts.cluster.letGo(this.#parts.topic);
  }

  #add(partitions: readonly number[], from: Place, ends?: ReadonlyMap<number, number>): void {
    const { topic, options: { partitionBytes } } = this.#parts;
    const added = partitions.map((partition) =>
      new Cursor(topic, partition, from, ends?.get(partition) ?? Infinity, partitionBytes)
    );
    for (const cursor of added) this.#cursors.set(cursor.partition, cursor);
    this.#all = [...this.#all, ...added];
    this.#turn = [...this.#turn, ...added];
    this.#run(`starts of ${topic}`, () => this.#start(added, from));
  }

  #run(name: string, body: () => Promise<void>): void {
    const task = this.#parts.world.task(name, body);
    this.#tasks.add(task);
    task.then(() => this.#tasks.delete(task));
  }

  #ends(partitions: readonly number[]): Promise<Map<number, number>> {
    const { cluster, topic, signal } = this.#parts;
    return cluster.deadline(
      `Looking up offsets of ${topic}`,
      signal,
      (signal) => offsetsOf(cluster, topic, partitions, "latest", signal),
    );
  }

  /** What a group has committed goes before `from`. */
  async #start(cursors: readonly Cursor[], from: Place): Promise<void> {
    const { committed, signal, changed } = this.#parts;
    const asked = new Looking(cursors);
    try {
      const offsets = await committed?.(cursors, signal);
      for (const cursor of asked.still()) {
        const known = offsets?.get(cursor.partition);
        if (known) cursor.startAt(known.offset, known.leaderEpoch);
        else if (typeof from === "number") cursor.startAt(from);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#lose(asked.still(), error, true);
    }
    changed();
    if (typeof from !== "number") await this.#lookUp(asked.still(), from);
  }

  /** Looks up where cursors go on: each does so as soon as its leader has answered, however long that takes. */
  async #lookUp(cursors: readonly Cursor[], query: Exclude<Place, number>): Promise<void> {
    const { cluster, topic, signal, changed } = this.#parts;
    const asked = new Looking(cursors);
    try {
      await findOffsets(cluster, {
        topic,
        query,
        wanted: () => asked.still().map(({ partition }) => partition),
        found: (partition, offset) => {
          asked.get(partition)?.startAt(offset);
          changed();
        },
        failed: (partition, error) => {
          const cursor = asked.get(partition);
          if (cursor) this.#lose([cursor], error.within({ topic, partition }), false);
          changed();
        },
      }, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#lose(asked.still(), error, false);
      changed();
    }
  }

  #lose(cursors: readonly Cursor[], error: unknown, isStart: boolean): void {
    for (const cursor of cursors) {
      cursor.interrupt(error as KafkaError);
      this.#parts.telemetry.partitionFailed(cursor, cursor.position, error);
      this.#lost.set(cursor, isStart);
    }
  }

  /** New metadata: leaders may have moved, partitions been added, which are read from their beginning, or the topic been deleted. */
  async #watch(): Promise<void> {
    const { cluster, topic: name, changed, signal } = this.#parts;
    while (!signal.aborted) {
      const topic = cluster.snapshot.topics.get(name);
      if (topic) this.#addNew(topic.partitions.map(({ partition }) => partition));
      else this.#failAll(); // the cluster has waited for a while whether a broker still knows it
      changed();
      await cluster.changed.wait(signal).catch(() => {}); // the loop looks at the signal
    }
  }

  #addNew(partitions: readonly number[]): void {
    const { options } = this.#parts;
    if (options.partitions || options.until === "end") return;
    const added = partitions.filter((partition) => !this.#cursors.has(partition));
    if (added.length > 0) this.#add(added, "earliest");
  }

  /** Brokers have said for a while that there is no such topic: it has been deleted. */
  #failAll(): void {
    const { topic } = this.#parts;
    for (const cursor of this.#all) {
      if (cursor.error) continue;
      const { partition } = cursor;
      const context = { topic, partition, retriable: false };
      this.#fail(cursor, KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "", context));
    }
  }

  #fail(cursor: Cursor, error: KafkaError): void {
    cursor.fail(error);
    this.#parts.telemetry.partitionFailed(cursor, cursor.position, error);
  }
}

/** Cursors whose places are being looked up: those that still wait for them, since nobody has sought elsewhere, and none has failed. */
class Looking {
  readonly #asked: ReadonlyMap<number, { readonly cursor: Cursor; readonly generation: number }>;

  constructor(cursors: readonly Cursor[]) {
    this.#asked = new Map(cursors.map((cursor) => [cursor.partition, { cursor, generation: cursor.generation }]));
  }

  /** The cursor of a partition, if it still waits. */
  get(partition: number): Cursor | undefined {
    const { cursor, generation } = this.#asked.get(partition) ?? {};
    const isWaiting = cursor?.generation === generation && cursor?.lookup !== undefined && !cursor.error;
    return isWaiting ? cursor : undefined;
  }

  /** All that still wait. */
  still(): Cursor[] {
    return [...this.#asked.keys()].flatMap((partition) => this.get(partition) ?? []);
  }
}
