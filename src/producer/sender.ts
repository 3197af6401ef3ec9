/** Takes batches that are ready to their leaders, in order. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { abortable, Gate, withDeadline } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { Telemetry } from "../base/telemetry.ts";
import type { Deferred, Timer, World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { BackoffSettings } from "../cluster/retry.ts";
import type { Connection } from "../connection/connection.ts";
import { initProducerId } from "../protocol/init_producer_id.ts";
import { produce } from "../protocol/produce.ts";
import { renumbered } from "../records/builder.ts";
import type { Codecs, Compression } from "../records/compression.ts";
import type { Request } from "../wire/schema.ts";
import type { Accumulator, Batch, PartitionQueue } from "./accumulator.ts";
import type { BatchReport } from "./call.ts";
import { Endings, type PartitionAnswer, type Try } from "./endings.ts";
import { Identities } from "./identities.ts";
import { magicOfProduce } from "./intake.ts";
import { Numbering } from "./numbering.ts";
import { rewritten } from "./rewrite.ts";

/** How a sender sends. */
export interface SenderSettings extends BackoffSettings {
  readonly acks: number;
  /** Whether batches are numbered (KIP-98): never, where brokers know that, or always. */
  readonly idempotent: "never" | "ifKnown" | "always";
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  readonly compression: Compression;
  readonly compressionLevel?: number | undefined;
}

/** What a sender works with. */
export interface SenderParts {
  readonly world: World;
  readonly cluster: Cluster;
  readonly accumulator: Accumulator;
  readonly telemetry: Telemetry;
  readonly codecs: Codecs;
  readonly settings: SenderSettings;
  /** A batch has its end: its room in the buffer is free again. */
  readonly roomMade: (bytes: number) => void;
  /** Is told of each batch's end. */
  readonly onBatch: ((report: BatchReport) => void) | undefined;
  /** Fails what waits outside of batches for too long; gives when the next one will have. */
  readonly expireIntake: (now: number) => number;
  /** Whether somebody waits for room in the buffer: then no batch waits to be filled. */
  readonly isFull: () => boolean;
}

/** A request carries at most so many bytes of batches, but always one batch: brokers refuse requests above 100 MB. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** From this version on brokers take zstd (KIP-110, Kafka 2.1); older ones would keep what nobody can read, or fail without a name. */
const ZSTD_SINCE = 7;
/** Brokers that know this version remember five batches of a producer; those of 0.11 only the last, so one at a time is sent there. */
const FIVE_REMEMBERED_SINCE = 5;
const NOT_SENT = { broker: undefined, leaderEpoch: -1, connection: undefined, remembersFive: false } as const;
/** From this version on a request names topics by their ids. */
const BY_TOPIC_ID = 13;

/** The loop between the accumulator and the brokers. */
export class Sender {
  readonly #parts: SenderParts;
  readonly #gate: Gate;
  readonly #inFlight = new Map<number, number>();
  readonly #requests = new Set<Promise<void>>();
  /** For each broker, the end of what is done before its last request can be handed over: they go out in the order in which they were made. */
  readonly #handing = new Map<number, Promise<void>>();
  readonly #identities: Identities;
  readonly #endings: Endings;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  #hurrying = 0;
  /** Somebody has said that something may be ready, since the loop last looked. */
  #woken = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  /** Starts the loop. */
  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#gate = new Gate(parts.world, "batches to send");
    const { world, cluster, accumulator, telemetry, settings, roomMade, onBatch } = parts;
    const identities = this.#identities = new Identities(settings.requestTimeoutMs);
    this.#endings = new Endings({
      ...{ world, cluster, accumulator, telemetry, identities, backoff: settings, roomMade, onBatch },
      needsNumbers: settings.idempotent === "always",
      isOver: () => this.#ended.signal.aborted,
    });
    this.#running = parts.world.task("sender", () => this.#run());
  }

  /** Something may be ready now. Everything that is said in one go is looked at once. */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.#gate.open();
  }

  /** Nobody waits for batches to fill, until the function that this gives is called. */
  hurry(): () => void {
    this.#hurrying++;
    this.wake();
    return () => this.#hurrying--;
  }

  /** Ends the loop; requests in flight are given up, and then, in its order, what waits behind them: it fails with `error`. */
  async close(error: KafkaError): Promise<void> {
    this.#ended.abort(error);
    this.wake();
    await this.#running;
    await Promise.all(this.#requests);
    for (const batch of this.#parts.accumulator.late(Infinity)) this.#endings.giveUp(batch, error);
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      this.#woken = false;
      const wakeAt = this.#pump();
      if (this.#woken) continue;
      this.#setTimer(wakeAt);
      await this.#gate.wait();
    }
    this.#timer?.cancel();
  }

  /** One timer, which is not moved when its time turns out to come later: one that finds nothing costs less. */
  #setTimer(at: number): void {
    if (at >= this.#timerAt) return;
    const { world } = this.#parts;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = world.timer(Math.max(0, at - world.now()), () => {
      this.#timerAt = Infinity;
      this.wake();
    });
  }

  /** Sends what can go; gives when to look again even if nothing happens. */
  #pump(): number {
    const { accumulator, world, expireIntake, isFull } = this.#parts;
    const now = world.now();
    for (const batch of accumulator.late(now)) this.#endings.expired(batch);
    let wakeAt = expireIntake(now);
    const hurry = this.#hurrying > 0 || isFull();
    const groups = new Map<number, PartitionQueue[]>();
    for (const queue of accumulator.queues) {
      this.#endings.renumber(queue);
      const lookAt = accumulator.isReady(queue, now, hurry)
        ? this.#group(groups, queue, now)
        : accumulator.readyAt(queue, hurry);
      wakeAt = Math.min(wakeAt, lookAt, accumulator.deadlineOf(queue));
    }
    for (const [leader, queues] of groups) {
      let rest = queues;
      while (rest.length > 0 && this.#hasSlot(leader)) {
        rest = this.#start(leader, rest).filter((queue) => accumulator.isReady(queue, now, hurry));
      }
    }
    return wakeAt;
  }

  /** Puts a queue to those of its leader; gives when to look again if it cannot go now. */
  #group(groups: Map<number, PartitionQueue[]>, queue: PartitionQueue, now: number): number {
    const { accumulator, cluster, settings } = this.#parts;
    const { topic, partition } = queue;
    const leader = cluster.partition(topic, partition)?.leader ?? -1;
    if (leader < 0) {
      if (this.#isGone(queue)) return Infinity;
      const next = accumulator.next(queue)!;
      cluster.lookAgain();
      next.lastError ??= KafkaError.ofBroker(errorNumbers.LEADER_NOT_AVAILABLE, "", { topic, partition });
      next.retryAt = now + settings.backoffMs;
      return next.retryAt;
    }
    if (queue.leader !== leader) {
      // What another broker has under way may be written there yet, before it hears that it does not lead any more.
      if (queue.underWay > 0) return Infinity;
      queue.numbering?.doubt();
    }
    if (this.#hasSlot(leader)) {
      const group = groups.get(leader);
      if (group) group.push(queue);
      else groups.set(leader, [queue]);
    }
    return Infinity; // when a request ends, all is looked at again
  }

  /** Whether the topic is believed to be deleted: then what waits for it has its end. */
  #isGone({ topic, batches }: PartitionQueue): boolean {
    const { topics, errors } = this.#parts.cluster.snapshot;
    if (topics.has(topic) || errors.get(topic) !== errorNumbers.UNKNOWN_TOPIC_OR_PARTITION) return false;
    const error = KafkaError.ofBroker(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, "it has been deleted", { topic });
    for (const batch of [...batches]) if (!batch.outcome) this.#endings.giveUp(batch, error.with({ retriable: false }));
    return true;
  }

  #hasSlot(leader: number): boolean {
    return (this.#inFlight.get(leader) ?? 0) < this.#parts.settings.maxInFlight;
  }

  /** One request for the leader: what is ready of one format, up to a size; gives the queues that may have more. */
  #start(leader: number, queues: readonly PartitionQueue[]): PartitionQueue[] {
    const { accumulator, world } = this.#parts;
    const magic = accumulator.next(queues[0]!)!.builder.magic;
    const batches: Batch[] = [];
    const rest: PartitionQueue[] = [];
    let bytes = 0;
    for (const queue of queues) {
      rest.push(queue);
      const { builder } = accumulator.next(queue)!;
      if (builder.magic !== magic || (batches.length > 0 && bytes + builder.size > REQUEST_BYTES_MAX)) continue;
      bytes += builder.size;
      batches.push(accumulator.take(queue, leader));
    }
    this.#inFlight.set(leader, (this.#inFlight.get(leader) ?? 0) + 1);
    const handed = world.deferred<void>(`produce request to be handed to broker ${leader}`);
    const before = this.#handing.get(leader);
    this.#handing.set(leader, handed.promise);
    const request = world.task(`produce request to broker ${leader}`, async () => {
      await this.#deliver(leader, batches, before, handed);
      this.#inFlight.set(leader, this.#inFlight.get(leader)! - 1);
      this.#requests.delete(request);
      this.wake();
    });
    this.#requests.add(request);
    return rest;
  }

  /** Takes batches of one leader through one request; never rejects. */
  async #deliver(
    leader: number,
    batches: readonly Batch[],
    before: Promise<void> | undefined,
    handed: Deferred<void>,
  ): Promise<void> {
    const { cluster } = this.#parts;
    const { signal } = this.#ended;
    let tries: readonly Try[] = batches.map((batch) => ({ batch, ...NOT_SENT }));
    try {
      const connection = await cluster.connection(leader, "produce", signal);
      if (before) await before;
      tries = this.#inTurn(connection, tries);
      tries = await this.#build(connection, tries);
      tries = this.#inTurn(connection, tries);
      if (tries.length > 0) await this.#exchange(connection, tries, handed);
    } catch (error) {
      for (const one of tries) this.#endings.failed(one, error);
    } finally {
      handed.resolve();
      if (this.#handing.get(leader) === handed.promise) this.#handing.delete(leader);
    }
  }

  /** Those that may go on this connection now; the others wait in their places, or have their end already. */
  #inTurn(connection: Connection, tries: readonly Try[]): Try[] {
    const { accumulator } = this.#parts;
    return tries.filter(({ batch }) => {
      const { queue } = batch;
      const isOther = queue.connection !== connection;
      if (batch.outcome) {
        this.#endings.dropped(batch);
        return false;
      }
      if (!accumulator.mayFollow(batch)) {
        accumulator.putBack(batch);
        return false;
      }
      // On another connection it could overtake what the old one has under way; and who is behind it may have forgotten us.
      if (accumulator.isBusy(queue) && (isOther || !queue.numbering?.isProven)) {
        accumulator.hold(batch);
        return false;
      }
      if (isOther) queue.numbering?.doubt();
      return true;
    });
  }

  /** Gives every batch the bytes it travels as; those that cannot be are failed and left out. */
  async #build(connection: Connection, tries: readonly Try[]): Promise<Try[]> {
    const { settings: { compression } } = this.#parts;
    const version = connection.versions.pick(produce);
    const wanted = magicOfProduce(version);
    const built: Try[] = [];
    for (const one of tries) {
      const { batch } = one;
      try {
        if (compression === "zstd" && version < ZSTD_SINCE) throw noZstd(connection);
        // The leader is another one, and older: what nobody ever saw is written anew in its format.
        if (batch.builder.magic > wanted) toFormat(batch, wanted);
        if (this.#isToBeNumbered(batch, connection)) await this.#number(batch, connection);
        const bytes = this.#bytesOf(batch);
        batch.bytes = bytes instanceof Promise ? await this.#late(batch, bytes) : bytes;
        built.push(one);
      } catch (error) {
        this.#endings.failed(one, error);
      }
    }
    return built;
  }

  /**
   * Whether a batch is to have a number, and has none yet. One that went out without, and may be written, stays without. Throws
   * `UNSUPPORTED_FEATURE` where there is no other way and the broker does not know numbers.
   */
  #isToBeNumbered({ builder, stamp, ambiguous, queue }: Batch, { versions }: Connection): boolean {
    const { idempotent } = this.#parts.settings;
    if (idempotent === "never" || stamp || ambiguous || queue.numbering?.isRefused) return false;
    if (idempotent === "always") versions.pick(initProducerId);
    return builder.magic === 2 &&
      (queue.numbering?.identity !== undefined || versions.best(initProducerId) !== undefined);
  }

  /** Numbers a batch that comes next in its partition. */
  async #number(batch: Batch, connection: Connection): Promise<void> {
    const { queue, builder } = batch;
    const numbering = queue.numbering ??= new Numbering();
    if (!numbering.identity) numbering.begin(await this.#identities.obtain(connection, this.#ended.signal));
    batch.stamp = numbering.stamp(builder.count);
    if (batch.bytes) batch.bytes = renumbered(batch.bytes, batch.stamp);
  }

  #bytesOf({ bytes, builder, stamp }: Batch): Uint8Array | Promise<Uint8Array> {
    if (bytes) return bytes;
    const { codecs, settings: { compression, compressionLevel } } = this.#parts;
    if (!stamp) return builder.build({ compression, codecs, compressionLevel });
    const { producerId, epoch: producerEpoch, sequence: baseSequence } = stamp;
    return builder.build({ compression, codecs, compressionLevel, producerId, producerEpoch, baseSequence });
  }

  /**
   * The bytes of a codec that answers later. It may be a user's, and never do so: then the batch fails, since what is to go to the same
   * broker stands behind it. Its memory is not used again, as the codec may read it yet.
   */
  #late({ topic, partition, builder }: Batch, bytes: Promise<Uint8Array>): Promise<Uint8Array> {
    const { world, settings: { compression, requestTimeoutMs } } = this.#parts;
    const name = `a codec that compresses for ${topic}/${partition}`;
    const expired = () => {
      const detail =
        `the codec for ${compression} has not compressed ${builder.size} bytes within ${requestTimeoutMs} ms`;
      const error = brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE);
      return new KafkaError(error, detail, { topic, partition });
    };
    return withDeadline(
      world,
      requestTimeoutMs,
      this.#ended.signal,
      expired,
      ({ signal }) => abortable(world, name, world.outside(() => bytes), signal),
    );
  }

  async #exchange(connection: Connection, taken: readonly Try[], handed: Deferred<void>): Promise<void> {
    const { settings: { acks, requestTimeoutMs: timeoutMs }, cluster } = this.#parts;
    const { signal } = this.#ended;
    const ids = new Map(taken.map(({ batch: { topic } }) => [topic, cluster.snapshot.topics.get(topic)?.id]));
    const versionMax = versionMaxOf(
      taken[0]!.batch.builder.magic,
      [...ids.values()].every((id) => id !== undefined),
    );
    const body = { acks, timeoutMs, topicData: topicData(taken, ids) };
    const options = { timeoutMs, signal, versionMax: connection.versions.pick(produce, versionMax) };
    signal.throwIfAborted();
    if (connection.error) throw connection.error;
    const remembersFive = connection.versions.pick(produce) >= FIVE_REMEMBERED_SINCE;
    const tries = taken.map(({ batch }): Try => {
      batch.state = "underWay";
      batch.tries++;
      batch.queue.connection = connection;
      const leaderEpoch = cluster.partition(batch.topic, batch.partition)?.leaderEpoch ?? -1;
      return { batch, broker: connection.label, connection, leaderEpoch, remembersFive };
    });
    try {
      if (acks === 0) {
        const sent = connection.send(produce, body, options);
        handed.resolve();
        await sent;
        for (const one of tries) this.#endings.written(one, -1, -1);
        return;
      }
      const answer = connection.request(produce, body, options);
      handed.resolve();
      const answers = answersOf((await answer).responses, ids);
      for (const one of tries) {
        this.#endings.answered(one, answers.get(`${one.batch.topic}/${one.batch.partition}`));
      }
    } catch (error) {
      for (const one of tries) this.#endings.failed(one, error);
    }
  }
}

/** By `topic/partition`. */
function answersOf(
  responses: readonly { name: string; topicId: string; partitionResponses: readonly PartitionAnswer[] }[],
  ids: ReadonlyMap<string, string | undefined>,
): Map<string, PartitionAnswer> {
  const names = new Map([...ids].map(([name, id]) => [id, name]));
  const answers = new Map<string, PartitionAnswer>();
  for (const { name, topicId, partitionResponses } of responses) {
    const topic = name || names.get(topicId) || "";
    for (const answer of partitionResponses) answers.set(`${topic}/${answer.index}`, answer);
  }
  return answers;
}

/** Only for a batch that was never sent: a try whose end nobody knows must be repeated byte for byte. */
function toFormat(batch: Batch, magic: 0 | 1 | 2): void {
  const { topic, partition, ambiguous, queue } = batch;
  if (ambiguous) {
    const detail =
      `${topic}/${partition} has moved to an older broker while it was not known whether the batch was written`;
    throw new KafkaError("UNSUPPORTED_FEATURE", detail, { topic, partition });
  }
  batch.builder = rewritten(batch, magic);
  batch.bytes = undefined;
  if (!batch.stamp) return;
  batch.stamp = undefined;
  queue.numbering?.break();
}

function noZstd({ label }: Connection): KafkaError {
  const detail = `${label} is older than Kafka 2.1 and cannot hold zstd; choose gzip, snappy or lz4`;
  return new KafkaError(brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE), detail, { broker: label });
}

/** The newest version of Produce that takes batches of a format (KIP-98 brought magic 2 with v3, KIP-32 magic 1 with v2). */
function versionMaxOf(magic: 0 | 1 | 2, haveIds: boolean): number | undefined {
  if (magic === 2) return haveIds ? undefined : BY_TOPIC_ID - 1;
  return magic === 1 ? 2 : 1;
}

function topicData(
  tries: readonly Try[],
  ids: ReadonlyMap<string, string | undefined>,
): Request<typeof produce>["topicData"] {
  const topics = new Map<string, { index: number; records: Uint8Array }[]>();
  for (const { batch: { topic, partition, bytes } } of tries) {
    const partitions = topics.get(topic) ?? [];
    if (partitions.push({ index: partition, records: bytes! }) === 1) topics.set(topic, partitions);
  }
  return [...topics].map(([name, partitionData]) => {
    const topicId = ids.get(name);
    return { name, ...(topicId !== undefined && { topicId }), partitionData };
  });
}
