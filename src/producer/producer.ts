/** The public producer: takes messages, batches them, and says what became of each. */

import { Budget, onAbort } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import { guarded } from "../base/listeners.ts";
import {
  type Checked,
  checkOptions,
  either,
  oneOf,
  type OptionRules,
  someFunction,
  someInterceptors,
  trueOrFalse,
  wholeNumber,
} from "../base/options.ts";
import type { ClientParts } from "../cluster/parts.ts";
import { checkLevel, codecFor, type Compression } from "../records/compression.ts";
import { Accumulator } from "./accumulator.ts";
import { BufferPool } from "./buffers.ts";
import {
  type BatchReport,
  Call,
  type CallOwner,
  type DeliveryReport,
  type Recipient,
  Round,
  type Waiting,
} from "./call.ts";
import type { ChoosingSettings } from "./choosing.ts";
import { type ProducerInterceptor, ProducerInterceptors, type SentMessage } from "./interceptors.ts";
import { Intake } from "./intake.ts";
import { type Bytes, type Delivery, Draft, type ProducerMessage, type TopicMessage } from "./message.ts";
import { type Partitioner, type PartitionerName, partitionerNames } from "./partitioner.ts";
import { Sender } from "./sender.ts";

/** How a producer produces. */
export interface ProducerOptions {
  /** Whose acknowledgement to wait for: `"all"` in-sync replicas (the default), the leader (1), or nobody (0). */
  readonly acks?: "all" | -1 | 0 | 1 | undefined;
  /** How batches are compressed: `"none"` (the default), `"gzip"`, `"snappy"`, `"lz4"`, `"zstd"`. */
  readonly compression?: Compression | undefined;
  /**
   * How much the codec tries: 1 to 9 for gzip (6 if not said), -131,072 to 22 for zstd (3 if not said), as Java's
   * `compression.gzip.level` and `compression.zstd.level` (KIP-390). snappy and lz4 have none, nor has gzip in a page.
   */
  readonly compressionLevel?: number | undefined;
  /** Milliseconds that a batch waits for more messages; 0 (the default): it goes when a request slot is free. */
  readonly lingerMs?: number | undefined;
  /** Bytes at which a batch is full; 262,144 if not said. A larger message has a batch of its own. */
  readonly batchBytes?: number | undefined;
  /** Bytes of messages that may wait or be in flight, 33,554,432 if not said; beyond it calls wait. */
  readonly bufferBytes?: number | undefined;
  /**
   * Whether brokers write every message once and in order, however often it had to be sent (KIP-98): up to five batches of a partition
   * are in flight then. If not said, it is where `acks` is `"all"` and brokers can do it: from Kafka 0.11 on, unless a topic is kept in
   * the format of older ones. Without it one batch of a partition is in flight, and what is sent again may be written twice. True
   * needs `acks: "all"` and at most 5 for `maxInFlight`, and fails with `UNSUPPORTED_FEATURE` or `UNSUPPORTED_FOR_MESSAGE_FORMAT`
   * where a broker cannot do it.
   */
  readonly idempotent?: boolean | undefined;
  /** Requests in flight to one broker; 5 if not said, and at most 5 with `idempotent`. */
  readonly maxInFlight?: number | undefined;
  /** Milliseconds until a message that nobody acknowledged fails with `DELIVERY_TIMEOUT`; 120,000 if not said. */
  readonly deliveryTimeoutMs?: number | undefined;
  /** Milliseconds to wait for the answer to one request; the client's if not said. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Chooses partitions where messages do not say: `"murmur2"` (the default: of the key, as in Java; sticky without a key),
   * `"crc32"`, `"fnv1a"`, `"pykafka"`, `"sticky"`, `"random"`, `"roundRobin"`, or a function. {@linkcode PartitionerName}
   * says which of other clients' each is.
   */
  readonly partitioner?: PartitionerName | Partitioner | undefined;
  /**
   * Milliseconds beyond `lingerMs` after which a broker that has left a batch without an answer gets no messages that may go
   * elsewhere, as Java's `partitioner.availability.timeout.ms`; 0 (the default): it just gets fewer.
   */
  readonly partitionerAvailabilityTimeoutMs?: number | undefined;
  /** Called with the end of every message, whether it came by `produce` or `enqueue`. What it throws is an unhandled rejection. */
  readonly onDelivery?: ((report: DeliveryReport) => void) | undefined;
  /**
   * Called with the end of every batch, after the messages in it were told of: what became of many messages in one call. Messages that
   * came into no batch (refused, taken back, or too late to find room) are not told of here. What it throws is an unhandled rejection.
   */
  readonly onBatch?: ((report: BatchReport) => void) | undefined;
  /** See every message before it is partitioned, and again when it has its end; after those of the client. */
  readonly interceptors?: readonly ProducerInterceptor[] | undefined;
}

/** How to wait. */
export interface WaitOptions {
  /** Ends the wait with its reason; what was not sent by then is taken back. */
  readonly signal?: AbortSignal | undefined;
}

const BYTES_MAX = 0x7fffffff;
/** The last batches of a producer that a broker remembers in a partition (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`). */
const NUMBERED_IN_FLIGHT_MAX = 5;
/** Bytes of buffers that are kept to be used again: what is in flight to a broker or two. */
const SPARE_BYTES_MAX = 4 * 1024 * 1024;

const rules: OptionRules<ProducerOptions> = {
  acks: oneOf("all", -1, 0, 1),
  idempotent: trueOrFalse,
  compression: oneOf("none", "gzip", "snappy", "lz4", "zstd"),
  compressionLevel: wholeNumber(-131_072, BYTES_MAX),
  lingerMs: wholeNumber(0, 3_600_000),
  batchBytes: wholeNumber(1, 512 * 1024 * 1024),
  bufferBytes: wholeNumber(1, BYTES_MAX),
  maxInFlight: wholeNumber(1, 1_000_000),
  deliveryTimeoutMs: wholeNumber(1, BYTES_MAX),
  requestTimeoutMs: wholeNumber(1, BYTES_MAX),
  partitioner: either(oneOf(...partitionerNames), someFunction),
  partitionerAvailabilityTimeoutMs: wholeNumber(0, BYTES_MAX),
  onDelivery: someFunction,
  onBatch: someFunction,
  interceptors: someInterceptors,
};

const defaults = {
  acks: "all",
  compression: "none",
  lingerMs: 0,
  batchBytes: 256 * 1024,
  bufferBytes: 32 * 1024 * 1024,
  maxInFlight: 5,
  deliveryTimeoutMs: 120_000,
  partitioner: "murmur2",
  partitionerAvailabilityTimeoutMs: 0,
} as const;

/** One message, or an array, which is always a list of messages. */
export type OneOrMany<M> = Bytes | M | readonly (Bytes | M)[];

/** Produces to one topic if it was made by one, else to any: then each message says which. */
export class Producer {
  readonly #parts: ClientParts;
  readonly #topic: string | undefined;
  readonly #options: Checked<ProducerOptions, typeof defaults>;
  readonly #buffer: Budget;
  readonly #intake: Intake;
  readonly #sender: Sender;
  readonly #owner: CallOwner;
  readonly #draft = new Draft();
  /** When the messages of the call that is being made were given, in milliseconds since 1970. */
  #wall = 0;
  /** What is given now. */
  #round: Round;
  /** What was given before the last flush, and is not over. */
  readonly #earlier = new Set<Round>();
  readonly #interceptors: ProducerInterceptors | undefined;
  /** The messages of calls whose ends the interceptors want to know. */
  readonly #sent = new WeakMap<Call, readonly SentMessage[]>();
  readonly #unwatch: () => void;
  #nextCall = 0;
  #unreported: KafkaError | undefined;
  #closing: Promise<void> | undefined;
  #watching: Promise<void>;
  readonly #ended = new AbortController();

  /** Made by a client or a topic. Throws `INVALID_OPTION`. */
  constructor(parts: ClientParts, topic: string | undefined, options: ProducerOptions) {
    const { world, cluster, codecs } = parts;
    this.#parts = parts;
    this.#topic = topic;
    const settings = this.#options = checked(options);
    if (settings.compression !== "none") codecFor(settings.compression, codecs, 2);
    checkLevel(settings.compression, codecs, settings.compressionLevel);
    const accumulator = new Accumulator(settings, new BufferPool(settings.batchBytes, SPARE_BYTES_MAX));
    this.#buffer = new Budget(settings.bufferBytes);
    this.#interceptors = ProducerInterceptors.of(settings.interceptors);
    this.#unwatch = parts.telemetry.watchProducer(() => this.#buffer.held);
    this.#owner = {
      wantsReports: settings.onDelivery !== undefined,
      settled: (call) => this.#settled(call),
      told: (report) => this.#told(report),
      roundOver: (round) => this.#roundOver(round),
    };
    this.#round = new Round(this.#owner);
    const { deliveryTimeoutMs } = settings;
    this.#intake = new Intake({
      ...{ world, cluster, accumulator, buffer: this.#buffer, backoff: parts.backoff },
      ...{ deliveryTimeoutMs, choosing: choosingOf(settings) },
      batchChanged: () => this.#sender.wake(),
    });
    this.#sender = new Sender({
      ...{ world, cluster, accumulator, codecs, telemetry: parts.telemetry, onBatch: settings.onBatch },
      settings: {
        ...parts.backoff,
        ...settings,
        acks: settings.acks === "all" ? -1 : settings.acks,
        idempotent: settings.idempotent ? "always" : isIdempotent(settings) ? "ifKnown" : "never",
        requestTimeoutMs: settings.requestTimeoutMs ?? parts.requestTimeoutMs,
      },
      roomMade: (bytes) => {
        this.#buffer.give(bytes);
        this.#intake.roomMade();
      },
      expireIntake: (now) => this.#intake.expire(now, (cause) => this.#noRoom(cause)),
      isFull: () => this.#intake.isThirsty,
    });
    this.#watching = world.task("producer's metadata", () => this.#watch());
  }

  /**
   * Sends a message, or a list of them, and resolves when the cluster has acknowledged all of it, with where each went.
   * Rejects with a `KafkaError` whose `persisted` says whether the message is in the log; for a list with `reports`, one
   * for each message. Codes: `INVALID_OPTION`, `UNKNOWN_TOPIC_OR_PARTITION`, `MESSAGE_TOO_LARGE`, `UNSUPPORTED_FEATURE`
   * (headers before Kafka 0.11), `UNSUPPORTED_COMPRESSION_TYPE`, `DELIVERY_TIMEOUT`, `CLOSED` and other codes of Kafka's.
   */
  produce(messages: readonly (Bytes | ProducerMessage | TopicMessage)[], options?: WaitOptions): Promise<Delivery[]>;
  /** The same for one message. */
  produce(message: Bytes | ProducerMessage | TopicMessage, options?: WaitOptions): Promise<Delivery>;
  produce(input: OneOrMany<ProducerMessage | TopicMessage>, options: WaitOptions = {}): Promise<Delivery | Delivery[]> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const wait: Waiting = this.#parts.world.deferred("acknowledgement of a produce call");
    try {
      const list = this.#listOf(input);
      if (list.length === 0) wait.resolve([]);
      else {
        const call = this.#call(list.length, !Array.isArray(input), wait);
        this.#takeAll(call, list);
        if (signal && !call.isSettled) this.#takeBackOnAbort(call, signal, wait.promise, wait.reject);
      }
    } catch (error) {
      wait.reject(error);
    }
    return wait.promise;
  }

  /**
   * Takes a message, or a list of them, without waiting for the acknowledgement: gives `undefined`, or a promise while there
   * is no room in the buffer. What fails is told to `onDelivery`, and thrown by the next `flush()` or `close()`. Throws
   * `INVALID_OPTION` and `CLOSED` at once.
   */
  enqueue(input: OneOrMany<ProducerMessage | TopicMessage>, options: WaitOptions = {}): Promise<void> | undefined {
    options.signal?.throwIfAborted();
    const list = this.#listOf(input);
    if (this.#interceptors?.areTold) return this.#enqueueTold(list, options.signal);
    const round = this.#round;
    round.add(list.length);
    const taken = this.#take(list, round);
    if (taken === list.length) return undefined;
    const call = this.#call(list.length - taken, false, undefined);
    round.acknowledged(list.length - taken);
    this.#hold(call, list, taken, 0);
    return call.isTaken ? undefined : this.#untilTaken(call, options.signal);
  }

  /** Sends what waits and resolves when everything that was given before has its end; throws the first failure of `enqueue`. */
  async flush(options: WaitOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const calm = this.#sender.hurry();
    try {
      await this.#allSettled(signal);
    } finally {
      calm();
    }
    this.#throwUnreported();
  }

  /**
   * Flushes, and lets go of everything. Messages that are not acknowledged by their deadline, or when the signal aborts,
   * fail. Throws the first failure of `enqueue`. A second call waits for the first.
   */
  close(options: WaitOptions = {}): Promise<void> {
    return this.#closing ??= this.#close(options.signal);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    const calm = this.#sender.hurry();
    const error = closed();
    try {
      await this.#allSettled(signal).catch(() => {}); // aborted: what is left fails below
    } finally {
      calm();
      this.#ended.abort(error);
      // In this order what is left settles in its order: what is in flight, what is in batches, what is not in batches yet.
      this.#intake.stop(error);
      await this.#sender.close(error);
      await Promise.all([this.#intake.close(error), this.#watching]);
      this.#unwatch();
      this.#parts.onClosed();
    }
    this.#throwUnreported();
  }

  #throwUnreported(): void {
    const error = this.#unreported;
    this.#unreported = undefined;
    if (error) throw error;
  }

  /** The messages as a list, all of them checked: a list with one that cannot be sent is refused as a whole. */
  #listOf(input: OneOrMany<ProducerMessage | TopicMessage>): readonly (Bytes | ProducerMessage)[] {
    if (this.#closing) throw closed();
    let list = Array.isArray(input) ? input as (Bytes | ProducerMessage)[] : [input as Bytes | ProducerMessage];
    if (this.#interceptors) {
      list = this.#interceptors.send(list, this.#topic, this.#parts.world.wall());
      if (this.#closing) throw closed(); // by one of them
    }
    this.#wall = this.#parts.world.wall();
    for (let i = 0; i < list.length; i++) this.#draft.read(list[i]!, this.#topic, this.#wall);
    return list;
  }

  /** Takes the messages of a call; those that have to wait are held in it. */
  #takeAll(call: Call, list: readonly (Bytes | ProducerMessage)[]): void {
    if (this.#interceptors?.areTold) this.#sent.set(call, list as readonly SentMessage[]);
    const taken = this.#take(list, call);
    if (taken < list.length) this.#hold(call, list, taken, taken);
  }

  /** Where interceptors want to know what became of each message, a call keeps which it was. */
  #enqueueTold(list: readonly (Bytes | ProducerMessage)[], signal: AbortSignal | undefined): Promise<void> | undefined {
    if (list.length === 0) return undefined;
    const call = this.#call(list.length, false, undefined);
    this.#takeAll(call, list);
    return call.isTaken ? undefined : this.#untilTaken(call, signal);
  }

  /** Puts messages into batches until one has to wait; gives how many need not. */
  #take(list: readonly (Bytes | ProducerMessage)[], recipient: Recipient): number {
    const { partitioner } = this.#options;
    for (let i = 0; i < list.length; i++) {
      // One message alone is still in the draft from its check.
      if (list.length > 1) this.#draft.read(list[i]!, this.#topic, this.#wall);
      // A user's function may keep what it is given, or produce by itself.
      if (!this.#intake.put(typeof partitioner === "function" ? this.#draft.copy() : this.#draft, recipient, i)) {
        return i;
      }
    }
    return list.length;
  }

  /** What has to wait is kept by itself: the caller may change the list. Its first place in the call is `index`. */
  #hold(call: Call, list: readonly (Bytes | ProducerMessage)[], from: number, index: number): void {
    for (let i = from; i < list.length; i++) {
      this.#draft.read(list[i]!, this.#topic, this.#wall);
      call.hold(index + i - from, this.#draft.copy());
    }
    call.deadline = this.#parts.world.now() + this.#options.deliveryTimeoutMs;
    this.#intake.wait(call);
    this.#sender.wake();
  }

  #call(count: number, isSingle: boolean, wait: Waiting | undefined): Call {
    return new Call({ owner: this.#owner, round: this.#round, number: this.#nextCall++, count, isSingle, wait });
  }

  #settled(call: Call): void {
    const { failure, reports, wait, isSingle, round } = call;
    if (!wait) this.#unreported ??= failure;
    else if (failure) wait.reject(isSingle ? failure : failure.with({ reports: reports as DeliveryReport[] }));
    else wait.resolve((isSingle ? reports[0] : reports) as Delivery | Delivery[]);
    if (this.#interceptors) this.#tellInterceptors(this.#interceptors, call);
    const { onDelivery } = this.#options;
    if (onDelivery) { for (const report of reports) guarded(onDelivery, report!); }
    round.acknowledged(1);
  }

  #tellInterceptors(interceptors: ProducerInterceptors, call: Call): void {
    this.#sent.get(call)?.forEach(({ known }, i) => interceptors.acknowledged(call.reports[i]!, known));
  }

  /** The end of a message that was enqueued. */
  #told(report: DeliveryReport): void {
    if (report instanceof KafkaError) this.#unreported ??= report;
    const { onDelivery } = this.#options;
    if (onDelivery) guarded(onDelivery, report);
  }

  #roundOver(round: Round): void {
    this.#earlier.delete(round);
    for (const flush of round.flushes) if (--flush.left === 0) flush.done();
  }

  #takeBackOnAbort(call: Call, signal: AbortSignal, done: Promise<unknown>, reject: (reason: unknown) => void): void {
    onAbort(signal, done, () => {
      reject(signal.reason);
      call.takenBack = new KafkaError("CLOSED", "The caller took the message back");
      this.#intake.takeBack(call, call.takenBack);
    });
  }

  #untilTaken(call: Call, signal: AbortSignal | undefined): Promise<void> {
    const wait = this.#parts.world.deferred<void>("room for enqueued messages");
    call.onTaken = wait.resolve;
    if (signal) this.#takeBackOnAbort(call, signal, wait.promise, wait.reject);
    return wait.promise;
  }

  /** Waits for all that was given up to now. */
  #allSettled(signal: AbortSignal | undefined): Promise<void> {
    if (this.#round.isOpen) {
      this.#round.seal();
      this.#earlier.add(this.#round);
      this.#round = new Round(this.#owner);
    }
    if (this.#earlier.size === 0) return Promise.resolve();
    const wait = this.#parts.world.deferred<void>("everything to be acknowledged");
    const flush = { left: this.#earlier.size, done: wait.resolve };
    for (const round of this.#earlier) round.flushes.push(flush);
    if (signal) onAbort(signal, wait.promise, () => wait.reject(signal.reason));
    return wait.promise;
  }

  /** New metadata may let go what waits for a leader. */
  async #watch(): Promise<void> {
    const { signal } = this.#ended;
    const { changed } = this.#parts.cluster;
    while (!signal.aborted) {
      await changed.wait(signal).catch(() => {}); // the loop looks at the signal
      this.#sender.wake();
    }
  }

  #noRoom(cause: KafkaError | undefined): KafkaError {
    const { deliveryTimeoutMs } = this.#options;
    const detail =
      `The message was not sent within ${deliveryTimeoutMs} ms: no leader was found, or the buffer stayed full`;
    const why = cause ? `, last because of ${cause.message}` : "";
    return new KafkaError("DELIVERY_TIMEOUT", detail + why, { topic: cause?.topic, cause });
  }
}

function checked(options: ProducerOptions): Checked<ProducerOptions, typeof defaults> {
  const settings = checkOptions<ProducerOptions, typeof defaults>("producer", options, rules, defaults);
  const { idempotent, acks, maxInFlight } = settings;
  if (idempotent && !wantsAllAcks(acks)) {
    throw new KafkaError("INVALID_OPTION", `idempotent needs acks: "all", not ${acks}`);
  }
  if (isIdempotent(settings) && maxInFlight > NUMBERED_IN_FLIGHT_MAX) {
    const detail =
      `maxInFlight is at most ${NUMBERED_IN_FLIGHT_MAX} unless idempotent is false: brokers remember no more batches`;
    throw new KafkaError("INVALID_OPTION", `${detail}, not ${maxInFlight}`);
  }
  return settings;
}

function isIdempotent({ idempotent, acks }: Pick<ProducerOptions, "idempotent" | "acks">): boolean {
  return idempotent ?? wantsAllAcks(acks);
}

function wantsAllAcks(acks: ProducerOptions["acks"]): boolean {
  return acks === "all" || acks === -1;
}

function choosingOf(settings: Checked<ProducerOptions, typeof defaults>): ChoosingSettings {
  const { partitioner, batchBytes, lingerMs, partitionerAvailabilityTimeoutMs: timeoutMs } = settings;
  return { partitioner, stickyBytes: batchBytes, unavailableAfterMs: timeoutMs > 0 ? lingerMs + timeoutMs : Infinity };
}

function closed(): KafkaError {
  return new KafkaError("CLOSED", "The producer has been closed");
}
