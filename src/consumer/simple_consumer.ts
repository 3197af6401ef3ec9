/** The public simple consumer: reads partitions of one topic, and joins no group. */

import { errorNumbers } from "../base/error_codes.ts";
import { abortable, Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { ClientParts } from "../cluster/parts.ts";
import type { Message } from "../records/message.ts";
import type { RecordList } from "../records/record_list.ts";
import { Batch } from "./batch.ts";
import { Cursor, type Piece } from "./cursor.ts";
import { Fetchers } from "./fetcher.ts";
import { findOffsets, type OffsetQuery, offsetsOf } from "./offsets.ts";
import { type CheckedOptions, checkedOptions, rules, type SimpleConsumerOptions } from "./options.ts";

export type { SimpleConsumerOptions } from "./options.ts";

/** An opened batch that is being read. */
interface Reading {
  readonly cursor: Cursor;
  readonly generation: number;
  readonly list: RecordList;
  readonly lastOffset: number;
  readonly highWatermark: number;
  /** Where in the list the reader's messages end. */
  readonly to: number;
  /** The next one. */
  index: number;
}

/**
 * Reads partitions of one topic. A message is finished when the loop asks for the next one; `break` leaves the one in hand
 * unfinished, and a later loop goes on after it. One loop at a time.
 */
export class SimpleConsumer implements AsyncIterable<Message> {
  /** The topic that it reads. */
  readonly topic: string;
  readonly #parts: ClientParts;
  readonly #options: CheckedOptions;
  readonly #cursors = new Map<number, Cursor>();
  readonly #fetchers: Fetchers;
  readonly #arrived: Gate;
  readonly #ended = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  /** Whose turn it is: partitions that have something are read one after the other. */
  #turn: Cursor[] = [];
  #starting: Promise<void> | undefined;
  /** Whether the cluster keeps the topic's metadata fresh for it. */
  #isUser = false;
  /** The batch that is being read. */
  #reading: Reading | undefined;
  /** Batches that were left in their middle, since their partitions were paused. */
  readonly #left = new Map<Cursor, Reading>();
  /** What the loop has in hand: it is finished when the next one is asked for. */
  #inHand: { readonly cursor: Cursor; readonly generation: number; readonly next: number } | undefined;
  #advancing: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  /** Made by a topic; nothing is fetched before a loop asks. Throws `INVALID_OPTION`. */
  constructor(parts: ClientParts, topic: string, options: SimpleConsumerOptions) {
    this.topic = topic;
    this.#parts = parts;
    this.#options = checkedOptions(options);
    const { world, cluster, backoff, requestTimeoutMs } = parts;
    this.#arrived = new Gate(world, `messages of ${topic}`);
    this.#fetchers = new Fetchers({
      ...{ world, cluster, cursors: () => [...this.#cursors.values()], arrived: () => this.#arrived.open() },
      settings: { ...backoff, ...this.#options, requestTimeoutMs },
      outOfRange: (cursor) => this.#outOfRange(cursor),
    });
  }

  /** The next offset that is not finished, by partition; a partition is missing until its start has been looked up. */
  get positions(): ReadonlyMap<number, number> {
    const known = [...this.#cursors.values()].filter(({ position }) => position !== undefined);
    return new Map(known.map(({ partition, position }) => [partition, position!]));
  }

  /** A loop over messages. Throws `KafkaError`s, and the reason of the `signal` option. */
  [Symbol.asyncIterator](): AsyncIterator<Message> {
    return {
      next: () => this.#nextMessage(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
  }

  /** A loop over batches; the same place as that of the loop over messages. */
  batches(): AsyncIterable<Batch> {
    const iterator = {
      next: () => this.#nextBatch(),
      return: () => Promise.resolve({ done: true as const, value: undefined }),
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Goes on at another offset, or another end of the log, in one partition; what was fetched of it is dropped. */
  seek(partition: number, to: "earliest" | "latest" | number | Date): void {
    if (!rules.from.accepts(to)) {
      throw new KafkaError("INVALID_OPTION", `seek: the place must be ${rules.from.allowed}`);
    }
    const cursor = this.#cursor(partition);
    cursor.seek(to);
    if (typeof to !== "number") this.#resolve([cursor], to);
    this.#fetchers.look();
    this.#arrived.open();
  }

  /** Stops reading partitions, or all of them; what is fetched of them is kept. */
  pause(partitions?: readonly number[]): void {
    for (const cursor of this.#those(partitions)) cursor.paused = true;
  }

  /** Goes on with partitions, or with all of them. */
  resume(partitions?: readonly number[]): void {
    for (const cursor of this.#those(partitions)) cursor.paused = false;
    this.#fetchers.look();
    this.#arrived.open();
  }

  /** Looks up where to begin, if no loop has done so yet: then `positions`, `seek` and `pause` know every partition. */
  async start(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#start(options.signal);
    await this.#parts.cluster.deadline(`Looking up offsets of ${this.topic}`, options.signal, async (signal) => {
      while (this.#isLooking()) await this.#arrived.wait(signal);
    });
    if (this.#closing) throw closed();
  }

  /** Ends loops over it, and lets go of everything; a second call waits for the first. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#ended.abort(closed());
    this.#arrived.open();
    await this.#starting?.catch(() => {}); // whoever waits for it is told
    await this.#fetchers.close();
    await Promise.all(this.#tasks);
    if (this.#isUser) this.#parts.cluster.letGo(this.topic);
    this.#parts.onClosed();
  }

  #those(partitions: readonly number[] | undefined): Iterable<Cursor> {
    return partitions ? partitions.map((partition) => this.#cursor(partition)) : this.#cursors.values();
  }

  #cursor(partition: number): Cursor {
    const cursor = this.#cursors.get(partition);
    if (cursor) return cursor;
    throw new KafkaError(
      "INVALID_OPTION",
      `Partition ${partition} of ${this.topic} is not read by this consumer, or not yet`,
    );
  }

  /** The fast way: the next message of a batch that is open. */
  #nextMessage(): Promise<IteratorResult<Message>> {
    const reading = this.#reading;
    if (reading && reading.index < reading.to && !this.#advancing && this.#mayRead(reading)) {
      return Promise.resolve({ done: false, value: this.#take(reading) });
    }
    return this.#alone(async () => {
      this.#finish();
      const reading = await this.#advance();
      return reading ? { done: false, value: this.#take(reading) } : { done: true, value: undefined };
    });
  }

  #nextBatch(): Promise<IteratorResult<Batch>> {
    return this.#alone(async () => {
      this.#finish();
      const reading = await this.#advance();
      if (!reading) return { done: true, value: undefined };
      const { cursor, generation, list, index: from, to, lastOffset, highWatermark } = reading;
      reading.index = to;
      this.#inHand = { cursor, generation, next: lastOffset + 1 };
      const { signal } = this.#ended;
      return { done: false, value: new Batch({ list, from, to, lastOffset, highWatermark, signal }) };
    });
  }

  #take(reading: Reading): Message {
    const { cursor, generation, list, lastOffset, to } = reading;
    this.#finish();
    const message = list.at(reading.index++);
    const isLast = reading.index === to;
    this.#inHand = { cursor, generation, next: isLast ? lastOffset + 1 : message.offset + 1 };
    return message;
  }

  /** What was in hand is finished: the loop has asked for more. */
  #finish(): void {
    const hand = this.#inHand;
    this.#inHand = undefined;
    if (hand && hand.cursor.generation === hand.generation) hand.cursor.position = hand.next;
  }

  /** One step at a time, whatever a caller does who asks for the next before the last has come. */
  async #alone<T>(step: () => Promise<T>): Promise<T> {
    while (this.#advancing) await this.#advancing.catch(() => {}); // whoever asked for it is told
    const going = step();
    this.#advancing = going;
    try {
      return await going;
    } finally {
      this.#advancing = undefined;
    }
  }

  #mayRead({ cursor, generation }: Reading): boolean {
    return cursor.generation === generation && !cursor.paused && !this.#ended.signal.aborted &&
      !this.#options.signal?.aborted;
  }

  /** The next batch that has a message for the reader; undefined at the end. */
  async #advance(): Promise<Reading | undefined> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    if (!await this.#hasStarted(signal)) return undefined;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#ended.signal.aborted) return undefined;
      if (this.#reading && this.#hasMore(this.#reading)) return this.#reading;
      const cursor = this.#nextCursor();
      if (cursor) {
        this.#reading = this.#left.get(cursor);
        this.#left.delete(cursor);
        if (!this.#reading) await this.#open(cursor);
        continue;
      }
      if (this.#isDone()) {
        await this.close();
        return undefined;
      }
      this.#fetchers.look();
      await this.#arrived.wait(signal);
    }
  }

  /** Whether a batch goes on to be read; one whose partition is paused is put aside. */
  #hasMore(reading: Reading): boolean {
    const { cursor, generation, index, to } = reading;
    if (cursor.generation !== generation || index >= to) return false;
    if (!cursor.paused) return true;
    this.#left.set(cursor, reading);
    this.#reading = undefined;
    return false;
  }

  /** Who has something to read, or has failed; a failure is thrown when all in front of it has been read. */
  #nextCursor(): Cursor | undefined {
    for (const cursor of this.#turn) {
      if (cursor.paused || cursor.isDone) continue;
      const left = this.#left.get(cursor);
      if (left && left.generation !== cursor.generation) this.#left.delete(cursor);
      if (this.#left.has(cursor) || cursor.pieces.length > 0) return cursor;
      if (!cursor.error) continue;
      this.#toEnd(cursor); // who goes on without seeking reads the others
      throw cursor.error;
    }
    return undefined;
  }

  /** Its turn comes after all the others'. */
  #toEnd(cursor: Cursor): void {
    this.#turn = [...this.#turn.filter((other) => other !== cursor), cursor];
  }

  #isDone(): boolean {
    if (this.#options.until !== "end") return false;
    for (const cursor of this.#cursors.values()) if (!cursor.isDone) return false;
    return true;
  }

  /** Opens the next batch of a cursor, and leaves out what lies in front of its place. */
  async #open(cursor: Cursor): Promise<void> {
    const { checkCrc, decompressedBytes: decompressedLimit } = this.#options;
    const { generation } = cursor;
    const piece = cursor.pieces[0] as Piece;
    let batch = piece.batches[piece.next++]!;
    if (piece.next === piece.batches.length) {
      cursor.dropFirst();
      this.#toEnd(cursor);
      this.#fetchers.look();
    }
    const { position = 0 } = cursor;
    let next = batch.lastOffset + 1;
    if (batch.isControl || next <= position) return void (cursor.position = Math.max(position, next));
    let list: RecordList;
    try {
      const opened = batch.open(cursor, { codecs: this.#parts.codecs, checkCrc, decompressedLimit });
      list = opened instanceof Promise ? await this.#parts.world.outside(() => opened) : opened;
    } catch (error) {
      const sound = error instanceof KafkaError && batch.before(error.offset ?? 0);
      if (!sound || sound.lastOffset < position) throw this.#broken(cursor, generation, error);
      // Of plain messages those in front of the broken one are read first; then it is fetched again, and told.
      [batch, next] = [sound, sound.lastOffset + 1];
      list = sound.open(cursor, { codecs: this.#parts.codecs, checkCrc, decompressedLimit }) as RecordList;
      cursor.cutAt(next);
    }
    if (cursor.generation !== generation) return;
    const index = list.indexOf(position);
    // A run of plain messages may go on behind the end that was asked for.
    const to = next > cursor.end ? list.indexOf(cursor.end) : list.count;
    if (index === to) cursor.position = next;
    const { highWatermark } = piece;
    this.#reading = { cursor, generation, list, index, to, lastOffset: batch.lastOffset, highWatermark };
  }

  /** The reader stays in front of a batch that is broken, or in its middle: it is told where, and may seek past it. */
  #broken(cursor: Cursor, generation: number, error: unknown): unknown {
    const { topic, partition, position = 0 } = cursor;
    const told = error instanceof KafkaError
      ? error.with({ topic, partition, offset: Math.max(position, error.offset ?? 0) })
      : error;
    if (cursor.generation !== generation) return told;
    cursor.seek(position);
    cursor.error = told as KafkaError;
    return told;
  }

  /** False: it was closed meanwhile. */
  async #hasStarted(signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#ended.signal.aborted) return false;
    try {
      await this.#start(signal);
    } catch (error) {
      if (error !== this.#ended.signal.reason) throw error;
    }
    return !this.#ended.signal.aborted;
  }

  /** Begins once for all who ask; an abort ends the wait of its own caller. */
  #start(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closing) return Promise.reject(closed());
    if (!this.#starting) {
      const starting = this.#begin();
      this.#starting = starting;
      starting.catch(() => this.#starting = undefined); // the caller is told; a later loop tries again
    }
    return abortable(this.#parts.world, `start of the consumer of ${this.topic}`, this.#starting, signal);
  }

  async #begin(): Promise<void> {
    const { cluster } = this.#parts;
    const { partitions: wanted, from, until } = this.#options;
    const { signal } = this.#ended;
    const topic = await cluster.topic(this.topic, signal);
    const partitions = wanted ?? topic.partitions.map(({ partition }) => partition);
    const unknown = partitions.find((partition) => !topic.partitions[partition]);
    if (unknown !== undefined) {
      const detail = `${this.topic} has ${topic.partitions.length} partitions, from 0; ${unknown} is none of them`;
      throw new KafkaError("INVALID_OPTION", `simpleConsumer: partitions: ${detail}`, {
        topic: this.topic,
        partition: unknown,
      });
    }
    const ends = until === "end" ? await this.#lookup(partitions, "latest", signal) : undefined;
    signal.throwIfAborted();
    const cursors = partitions.map((partition) => this.#add(partition, from, ends?.get(partition)));
    if (typeof from !== "number") this.#resolve(cursors, from);
    cluster.use(this.topic);
    this.#isUser = true;
    this.#run(`partitions of ${this.topic}`, () => this.#watch());
  }

  #add(partition: number, from: number | OffsetQuery, end = Infinity): Cursor {
    const cursor = new Cursor(this.topic, partition, from, end, this.#options.partitionBytes);
    this.#cursors.set(partition, cursor);
    this.#turn.push(cursor);
    return cursor;
  }

  #run(name: string, body: () => Promise<void>): void {
    const task = this.#parts.world.task(name, body);
    this.#tasks.add(task);
    task.then(() => this.#tasks.delete(task));
  }

  #lookup(partitions: readonly number[], query: OffsetQuery, signal: AbortSignal): Promise<Map<number, number>> {
    const { cluster } = this.#parts;
    return cluster.deadline(
      `Looking up offsets of ${this.topic}`,
      signal,
      (signal) => offsetsOf(cluster, this.topic, partitions, query, signal),
    );
  }

  /** Whether somebody does not know where to start, and will. */
  #isLooking(): boolean {
    if (this.#ended.signal.aborted) return false;
    for (const { lookup, error } of this.#cursors.values()) {
      if (error) throw error;
      if (lookup !== undefined) return true;
    }
    return false;
  }

  /** Looks up where cursors start: each begins as soon as its leader has answered, however long that takes. */
  #resolve(cursors: readonly Cursor[], query: OffsetQuery): void {
    const { cluster } = this.#parts;
    const { signal } = this.#ended;
    const asked = new Map(cursors.map((cursor) => [cursor.partition, { cursor, generation: cursor.generation }]));
    const isAsked = ({ cursor, generation }: { cursor: Cursor; generation: number }) =>
      cursor.generation === generation && cursor.lookup !== undefined && cursor.error === undefined;
    const failed = (partition: number, error: KafkaError) => {
      const it = asked.get(partition)!;
      if (!isAsked(it)) return;
      it.cursor.error = error.within({ topic: this.topic, partition });
      this.#arrived.open();
    };
    this.#run(`starts of ${this.topic}`, async () => {
      try {
        await findOffsets(cluster, {
          topic: this.topic,
          query,
          wanted: () => [...asked].filter(([, it]) => isAsked(it)).map(([partition]) => partition),
          found: (partition, offset) => {
            const it = asked.get(partition)!;
            if (!isAsked(it)) return;
            it.cursor.startAt(offset);
            this.#fetchers.look();
            this.#arrived.open();
          },
          failed,
        }, signal);
      } catch (error) {
        if (signal.aborted) return;
        for (const partition of asked.keys()) failed(partition, error as KafkaError);
      }
    });
  }

  /** New metadata: leaders may have moved, and partitions been added, which are read from their beginning. */
  async #watch(): Promise<void> {
    const { signal } = this.#ended;
    const { cluster, world, requestTimeoutMs } = this.#parts;
    let lastKnownAt = world.now();
    while (!signal.aborted) {
      const topic = cluster.snapshot.topics.get(this.topic);
      if (topic) {
        lastKnownAt = world.now();
        this.#addNew(topic.partitions.map(({ partition }) => partition));
      } else if (world.now() - lastKnownAt >= requestTimeoutMs) this.#failAll();
      this.#fetchers.look();
      await cluster.changed.wait(signal).catch(() => {}); // the loop looks at the signal
    }
  }

  #addNew(partitions: readonly number[]): void {
    if (this.#options.partitions || this.#options.until === "end") return;
    const added = partitions.filter((partition) => !this.#cursors.has(partition))
      .map((partition) => this.#add(partition, "earliest"));
    if (added.length > 0) this.#resolve(added, "earliest");
  }

  /** Brokers have said for a while that there is no such topic: it has been deleted. */
  #failAll(): void {
    for (const cursor of this.#cursors.values()) {
      const { partition } = cursor;
      cursor.error ??= KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "", {
        topic: this.topic,
        partition,
        retriable: false,
      });
    }
    this.#arrived.open();
  }

  #outOfRange(cursor: Cursor): void {
    const { reset } = this.#options;
    const { partition, fetchOffset: offset } = cursor;
    if (reset !== "error") {
      cursor.seek(reset);
      return this.#resolve([cursor], reset);
    }
    cursor.error = KafkaError.ofBroker(errorNumbers.OFFSET_OUT_OF_RANGE, `offset ${offset}`, {
      topic: this.topic,
      partition,
      offset,
    });
    this.#arrived.open();
  }
}

function closed(): KafkaError {
  return new KafkaError("CLOSED", "The consumer has been closed");
}
