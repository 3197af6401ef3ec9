/** The public simple consumer: reads partitions of one topic, and joins no group; with one, it keeps the group's offsets. */

import { abortable, Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { ClientParts } from "../cluster/parts.ts";
import type { Message } from "../records/message.ts";
import type { RecordList } from "../records/record_list.ts";
import { Batch } from "./batch.ts";
import { type CommitOptions, type CommitTarget, Committing, type Hand } from "./committing.ts";
import type { Cursor, Piece } from "./cursor.ts";
import { Fetchers } from "./fetcher.ts";
import type { CommittedOffset } from "./group_offsets.ts";
import { ConsumerInterceptors } from "./interceptors.ts";
import { lagOf } from "./lag.ts";
import type { Place } from "./offsets.ts";
import { type CheckedOptions, checkedOptions, rules, type SimpleConsumerOptions } from "./options.ts";
import { Opening, type Reading, readingOf, type Taken } from "./opening.ts";
import { Partitions } from "./partitions.ts";

export type { SimpleConsumerOptions } from "./options.ts";

/**
 * Reads partitions of one topic. A message is finished when the loop asks for the next one; `break` leaves the one in hand
 * unfinished, and a later loop goes on after it. One loop at a time.
 *
 * With a `group` it goes on where the group has committed, and commits what is finished: by itself, or when told to. What cannot be
 * committed for good is thrown out of the loop; what may heal is tried again, and at the latest told by `close()`.
 */
export class SimpleConsumer implements AsyncIterable<Message> {
  /** The topic that it reads. */
  readonly topic: string;
  readonly #parts: ClientParts;
  readonly #options: CheckedOptions;
  readonly #partitions: Partitions;
  readonly #fetchers: Fetchers;
  readonly #interceptors: ConsumerInterceptors | undefined;
  readonly #unwatch: () => void;
  readonly #committing: Committing | undefined;
  readonly #arrived: Gate;
  readonly #ended = new AbortController();
  #starting: Promise<void> | undefined;
  /** The task that commits from time to time. */
  #auto: Promise<void> | undefined;
  /** What it could not commit, and will not be able to. */
  #commitError: unknown;
  /** The batch that is being read. */
  #reading: Reading | undefined;
  /** Batches that were left in their middle, since their partitions were paused. */
  readonly #left = new Map<Cursor, Reading>();
  /** What the loop has in hand, if anything: it is finished when the next one is asked for. */
  #handCursor: Cursor | undefined;
  #handGeneration = 0;
  /** Where its partition goes on then. */
  #handNext = 0;
  #advancing: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;
  /** Whether it has ended by itself, at `until`. */
  #isOver = false;

  /** Made by a topic; nothing is fetched before a loop asks. Throws `INVALID_OPTION`. */
  constructor(parts: ClientParts, topic: string, options: SimpleConsumerOptions) {
    this.topic = topic;
    this.#parts = parts;
    this.#options = checkedOptions(options);
    const { world, cluster, backoff, requestTimeoutMs, telemetry } = parts;
    this.#interceptors = ConsumerInterceptors.of(this.#options.interceptors);
    this.#unwatch = telemetry.watchConsumer(() => this.#partitions.all);
    const { signal } = this.#ended;
    const changed = () => this.#changed();
    this.#arrived = new Gate(world, `messages of ${topic}`);
    const committed = this.#options.group === undefined
      ? undefined
      : (cursors: readonly Cursor[], signal: AbortSignal) => this.#committing!.resume(cursors, signal);
    this.#partitions = new Partitions({
      ...{ world, telemetry, cluster, topic, options: this.#options, committed, changed, signal },
    });
    this.#committing = this.#newCommitting();
    this.#fetchers = new Fetchers({
      ...{ world, telemetry, cluster, cursors: () => this.#partitions.all, arrived: () => this.#arrived.open() },
      settings: { ...backoff, ...this.#options, requestTimeoutMs },
      outOfRange: (cursor) => this.#partitions.outOfRange(cursor),
    });
  }

  /** The next offset that is not finished, by partition; a partition is missing until its start has been looked up. */
  get positions(): ReadonlyMap<number, number> {
    const known = this.#partitions.all.filter(({ position }) => position !== undefined);
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

  /**
   * Goes on at another offset, or another end of the log, in one partition; what was fetched of it is dropped. The next commit
   * stores the new place, also if that lies before what is committed.
   */
  seek(partition: number, to: "earliest" | "latest" | number | Date): void {
    const place = checkedPlace("seek", to);
    this.#partitions.seek(this.#partitions.of(partition), place);
  }

  /** The same for all partitions: goes where the option `reset` says, if nothing else is said. `INVALID_OPTION` before `start()`. */
  reset(to?: "earliest" | "latest" | number | Date): void {
    const { reset } = this.#options;
    const place = checkedPlace("reset", to ?? (reset === "error" ? "earliest" : reset));
    if (this.#partitions.all.length === 0) {
      throw new KafkaError(
        "INVALID_OPTION",
        `reset: the partitions of ${this.topic} are not read yet: call start() before`,
      );
    }
    for (const cursor of this.#partitions.all) this.#partitions.seek(cursor, place);
  }

  /** Stops reading partitions, or all of them; what is fetched of them is kept. */
  pause(partitions?: readonly number[]): void {
    for (const cursor of this.#partitions.those(partitions)) cursor.paused = true;
  }

  /** Goes on with partitions, or with all of them. */
  resume(partitions?: readonly number[]): void {
    for (const cursor of this.#partitions.those(partitions)) cursor.paused = false;
    this.#changed();
  }

  /** Looks up where to begin, if no loop has done so yet: then `positions`, `seek` and `pause` know every partition. */
  async start(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#start(options.signal);
    this.#partitions.again();
    await this.#parts.cluster.deadline(`Looking up offsets of ${this.topic}`, options.signal, async (signal) => {
      while (this.#partitions.isLooking) await this.#arrived.wait(signal);
    });
    if (this.#closing) throw closed();
  }

  /**
   * Commits, and resolves when it is stored: everything that is finished and what is in hand; or everything up to a message or a
   * batch in its partition; or the next offset of each partition of a map or a list of pairs, even if that goes back. Commits of
   * one consumer are sent one after the other, with what comes meanwhile in the next. Rejects with what a broker says and does not
   * heal (`UNKNOWN_MEMBER_ID` if the group has members: then only they may), or with `REQUEST_TIMEOUT`; what was stored of it all the
   * same stays so. `INVALID_OPTION` without a group.
   */
  async commit(target?: CommitTarget, options: CommitOptions = {}): Promise<void> {
    const committing = this.#grouped("commit");
    if (this.#closing && !this.#isOver) throw closed();
    await committing.commit(target, this.#hand, options);
  }

  /** What the group has committed, by partition; a partition without it is missing. `INVALID_OPTION` without a group. */
  async committed(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ReadonlyMap<number, CommittedOffset>> {
    const committing = this.#grouped("committed");
    const what = `Looking up what the group ${this.#options.group} has committed`;
    return await this.#parts.cluster.deadline(what, options.signal, async (signal) => {
      return await committing.committed(await this.#numbers(signal), signal);
    });
  }

  /**
   * How many offsets there are from the next one that is not finished to the end of the log, by partition. Where nothing is read yet
   * they are counted from where reading will begin: what is committed, or `from`.
   */
  async lag(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<ReadonlyMap<number, number>> {
    const { cluster } = this.#parts;
    const committing = this.#committing;
    const committed = committing &&
      ((partitions: readonly number[], signal: AbortSignal) => committing.committed(partitions, signal));
    return await cluster.deadline(`Looking up the lag in ${this.topic}`, options.signal, async (signal) => {
      const partitions = await this.#numbers(signal);
      const { topic, positions } = this;
      return await lagOf({ cluster, topic, partitions, positions, committed, from: this.#options.from }, signal);
    });
  }

  /**
   * Ends loops over it, commits what is finished if it does so by itself, and lets go of everything; a second call waits for the
   * first. Rejects with what kept it from committing, or the signal's reason, when all has been let go.
   */
  close(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return this.#closing ??= this.#close(options.signal);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    this.#ended.abort(closed());
    this.#arrived.open();
    await this.#starting?.catch(() => {}); // whoever waits for it is told
    await this.#fetchers.close();
    await this.#partitions.close();
    try {
      await this.#committing?.close(this.#options.autoCommit ?? true, signal);
    } finally {
      await this.#auto;
      this.#unwatch();
      this.#parts.onClosed();
    }
  }

  #newCommitting(): Committing | undefined {
    const { group, offsets: keeper, commitMetadata: metadata, autoCommitMs } = this.#options;
    if (group === undefined) return undefined;
    const { world, cluster } = this.#parts;
    const partitions = this.#partitions;
    return new Committing({ world, cluster, topic: this.topic, group, keeper, metadata, autoCommitMs, partitions });
  }

  #grouped(what: string): Committing {
    if (this.#committing) return this.#committing;
    throw new KafkaError(
      "INVALID_OPTION",
      `${what}: the consumer of ${this.topic} has no group; give it one when it is made`,
    );
  }

  /** The partitions that are read, or will be. */
  async #numbers(signal: AbortSignal): Promise<readonly number[]> {
    const topic = await this.#parts.cluster.topic(this.topic, signal);
    return this.#options.partitions ?? topic.partitions.map(({ partition }) => partition);
  }

  /** Something may be fetched, or given to the reader, that could not before. */
  #changed(): void {
    this.#fetchers.look();
    this.#arrived.open();
  }

  /** The fast way: the next message of a batch that is open. */
  #nextMessage(): Promise<IteratorResult<Message>> {
    const reading = this.#reading;
    const isQuick = reading && reading.index < reading.to && !this.#advancing && !this.#interceptors;
    if (isQuick && this.#mayRead(reading)) return Promise.resolve({ done: false, value: this.#take(reading) });
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
      const { list, index: from, to, lastOffset, highWatermark } = reading;
      const messages = this.#interceptors && this.#intercepted(list, from, to);
      reading.index = to;
      this.#hold(reading, lastOffset + 1);
      const { signal } = this.#ended;
      return { done: false, value: new Batch({ list, from, to, lastOffset, highWatermark, signal, messages }) };
    });
  }

  #take(reading: Reading): Message {
    this.#finish();
    const read = reading.list.at(reading.index);
    const message = this.#interceptors ? this.#interceptors.consume(read) : read;
    reading.index++;
    this.#hold(reading, reading.index === reading.to ? reading.lastOffset + 1 : message.offset + 1);
    return message;
  }

  /** What the interceptors make of a batch: of all of it, before the loop is given any. */
  #intercepted(list: RecordList, from: number, to: number): Message[] {
    const messages: Message[] = [];
    for (let i = from; i < to; i++) messages.push(this.#interceptors!.consume(list.at(i)));
    return messages;
  }

  #hold(reading: Reading, next: number): void {
    this.#handCursor = reading.cursor;
    this.#handGeneration = reading.generation;
    this.#handNext = next;
  }

  /** What was in hand is finished: the loop has asked for more. */
  #finish(): void {
    const cursor = this.#handCursor;
    if (cursor !== undefined && cursor.generation === this.#handGeneration) cursor.position = this.#handNext;
    this.#handCursor = undefined;
  }

  get #hand(): Hand | undefined {
    const cursor = this.#handCursor;
    return cursor && cursor.generation === this.#handGeneration ? { cursor, next: this.#handNext } : undefined;
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
    this.#partitions.again();
    for (;;) {
      signal?.throwIfAborted();
      if (this.#ended.signal.aborted) return undefined;
      this.#throwCommitError();
      if (this.#reading && this.#hasMore(this.#reading)) return this.#reading;
      const cursor = this.#nextCursor();
      if (cursor) {
        this.#reading = this.#left.get(cursor);
        this.#left.delete(cursor);
        const opening = this.#reading ? undefined : this.#open(cursor);
        if (opening) await this.#opened(opening);
        continue;
      }
      if (this.#partitions.isDone) {
        this.#isOver = true;
        await this.close();
        return undefined;
      }
      this.#fetchers.look();
      await this.#arrived.wait(signal);
    }
  }

  /** Told once; committing goes on, and may fail again. */
  #throwCommitError(): void {
    const error = this.#commitError;
    this.#commitError = undefined;
    if (error !== undefined) throw error;
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
    for (const cursor of this.#partitions.turn) {
      if (cursor.paused || cursor.isDone) continue;
      const left = this.#left.get(cursor);
      if (left && left.generation !== cursor.generation) this.#left.delete(cursor);
      if (this.#left.has(cursor) || cursor.pieces.length > 0) return cursor;
      if (!cursor.error) continue;
      this.#partitions.toEnd(cursor); // who goes on without seeking reads the others
      cursor.tell();
    }
    return undefined;
  }

  /** Opens the next batch of a cursor, at once unless its codec answers later. */
  #open(cursor: Cursor): Opening | undefined {
    const { checkCrc, decompressedBytes: decompressedLimit } = this.#options;
    const { generation } = cursor;
    const piece = cursor.pieces[0] as Piece;
    const batch = piece.batches[piece.next++]!;
    if (piece.next === piece.batches.length) {
      cursor.dropFirst();
      this.#partitions.toEnd(cursor);
      this.#fetchers.look();
    }
    const { position = 0 } = cursor;
    const next = batch.lastOffset + 1;
    cursor.opened(batch.leaderEpoch);
    if (batch.isControl || next <= position) {
      cursor.position = Math.max(position, next);
      return undefined;
    }
    const taken = { cursor, generation, batch, highWatermark: piece.highWatermark };
    let opened: RecordList | Promise<RecordList>;
    try {
      opened = batch.open(cursor, { codecs: this.#parts.codecs, checkCrc, decompressedLimit });
    } catch (error) {
      this.#unreadable(taken, error);
      return undefined;
    }
    if (opened instanceof Promise) return new Opening(this.#parts.world, this.#parts.requestTimeoutMs, taken, opened);
    this.#readable(taken, opened);
    return undefined;
  }

  /** The codec of a batch that was taken has answered, or has had its time. */
  async #opened(opening: Opening): Promise<void> {
    const outcome = await opening.outcome(this.#options.signal, this.#ended.signal);
    if (!outcome) return;
    if ("list" in outcome) this.#readable(opening.taken, outcome.list);
    else this.#unreadable(opening.taken, outcome.error);
  }

  /** Of plain messages those in front of the broken one are read first; then it is fetched again, and told. Anything else is told at once. */
  #unreadable({ cursor, generation, batch, highWatermark }: Taken, error: unknown): void {
    const { checkCrc, decompressedBytes: decompressedLimit } = this.#options;
    const sound = error instanceof KafkaError && batch.before(error.offset ?? 0);
    if (!sound || sound.lastOffset < (cursor.position ?? 0)) throw this.#broken(cursor, generation, error);
    const list = sound.open(cursor, { codecs: this.#parts.codecs, checkCrc, decompressedLimit }) as RecordList;
    cursor.cutAt(sound.lastOffset + 1);
    this.#readable({ cursor, generation, batch: sound, highWatermark }, list);
  }

  #readable(taken: Taken, list: RecordList): void {
    const reading = readingOf(taken, list);
    if (!reading) return;
    this.#reading = reading;
    this.#parts.telemetry.consumed(this.topic, reading.to - reading.index);
  }

  /** The reader stays in front of a batch that is broken, or in its middle: it is told where, and may seek past it. */
  #broken(cursor: Cursor, generation: number, error: unknown): unknown {
    const { topic, partition, position = 0 } = cursor;
    const told = error instanceof KafkaError
      ? error.with({ topic, partition, offset: Math.max(position, error.offset ?? 0) })
      : error;
    if (cursor.generation !== generation) return told;
    cursor.stop(told as KafkaError);
    this.#parts.telemetry.partitionFailed(cursor, position, told);
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
    await this.#partitions.begin();
    const committing = this.#committing;
    if (!committing || this.#options.autoCommit === false) return;
    this.#auto = this.#parts.world.task(
      `commits of the group ${this.#options.group}`,
      () =>
        committing.auto(this.#ended.signal, (error) => {
          this.#commitError = error;
          this.#arrived.open();
        }),
    );
  }
}

function checkedPlace(where: string, to: Place): Place {
  if (rules.from.accepts(to)) return to;
  throw new KafkaError("INVALID_OPTION", `${where}: the place must be ${rules.from.allowed}`);
}

function closed(): KafkaError {
  return new KafkaError("CLOSED", "The consumer has been closed");
}
