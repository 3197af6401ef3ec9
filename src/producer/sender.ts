/** Takes batches that are ready to their leaders, and tells what became of them. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { Telemetry } from "../base/telemetry.ts";
import type { Timer, World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type BackoffSettings, delayMs, isRetriable } from "../cluster/retry.ts";
import { isHarmless } from "../connection/again.ts";
import type { Connection } from "../connection/connection.ts";
import { produce } from "../protocol/produce.ts";
import type { Codecs, Compression } from "../records/compression.ts";
import type { Request, Response } from "../wire/schema.ts";
import type { Accumulator, Batch, PartitionQueue } from "./accumulator.ts";
import { magicOfProduce } from "./intake.ts";
import { halves, rewritten } from "./rewrite.ts";

/** How a sender sends. */
export interface SenderSettings extends BackoffSettings {
  readonly acks: number;
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  readonly compression: Compression;
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
  /** Fails what waits outside of batches for too long; gives when the next one will have. */
  readonly expireIntake: (now: number) => number;
  /** Whether somebody waits for room in the buffer: then no batch waits to be filled. */
  readonly isFull: () => boolean;
}

type PartitionAnswer = Response<typeof produce>["responses"][number]["partitionResponses"][number];

/** A request carries at most so many bytes of batches, but always one batch: brokers refuse requests above 100 MB. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** From this version on brokers take zstd (KIP-110, Kafka 2.1); older ones would keep what nobody can read, or fail without a name. */
const ZSTD_SINCE = 7;
/** From this version on a request names topics by their ids. */
const BY_TOPIC_ID = 13;

/** The loop between the accumulator and the brokers. */
export class Sender {
  readonly #parts: SenderParts;
  readonly #gate: Gate;
  readonly #inFlight = new Map<number, number>();
  readonly #requests = new Set<Promise<void>>();
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
    for (const batch of this.#parts.accumulator.drain()) this.#giveUp(batch, error);
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
    for (const batch of accumulator.expire(now)) this.#expired(batch);
    let wakeAt = expireIntake(now);
    const hurry = this.#hurrying > 0 || isFull();
    const groups = new Map<number, PartitionQueue[]>();
    for (const queue of accumulator.queues) {
      const lookAt = accumulator.isReady(queue, now, hurry)
        ? this.#group(groups, queue, now)
        : accumulator.readyAt(queue, hurry);
      wakeAt = Math.min(wakeAt, lookAt, accumulator.deadlineOf(queue));
    }
    for (const [leader, queues] of groups) {
      let rest = queues;
      while (rest.length > 0 && this.#hasSlot(leader)) rest = this.#start(leader, rest);
    }
    return wakeAt;
  }

  /** Puts a queue to those of its leader; gives when to look again if it cannot go now. */
  #group(groups: Map<number, PartitionQueue[]>, queue: PartitionQueue, now: number): number {
    const { cluster, settings } = this.#parts;
    const { topic, partition } = queue;
    const leader = cluster.partition(topic, partition)?.leader ?? -1;
    if (leader < 0) {
      const head = queue.batches[0]!;
      cluster.lookAgain();
      head.lastError ??= KafkaError.ofBroker(errorNumbers.LEADER_NOT_AVAILABLE, "", { topic, partition });
      head.retryAt = now + settings.backoffMs;
      return head.retryAt;
    }
    if (this.#hasSlot(leader)) {
      const group = groups.get(leader);
      if (group) group.push(queue);
      else groups.set(leader, [queue]);
    }
    return Infinity; // when a request ends, all is looked at again
  }

  #hasSlot(leader: number): boolean {
    return (this.#inFlight.get(leader) ?? 0) < this.#parts.settings.maxInFlight;
  }

  /** One request for the leader: what is ready of one format, up to a size; gives the queues that are left. */
  #start(leader: number, queues: readonly PartitionQueue[]): PartitionQueue[] {
    const { accumulator, world } = this.#parts;
    const magic = queues[0]!.batches[0]!.builder.magic;
    const batches: Batch[] = [];
    const rest: PartitionQueue[] = [];
    let bytes = 0;
    for (const queue of queues) {
      const { builder } = queue.batches[0]!;
      if (builder.magic !== magic || (batches.length > 0 && bytes + builder.size > REQUEST_BYTES_MAX)) {
        rest.push(queue);
        continue;
      }
      bytes += builder.size;
      batches.push(accumulator.take(queue));
    }
    this.#inFlight.set(leader, (this.#inFlight.get(leader) ?? 0) + 1);
    const request = world.task(`produce request to broker ${leader}`, async () => {
      await this.#deliver(leader, batches);
      this.#inFlight.set(leader, this.#inFlight.get(leader)! - 1);
      this.#requests.delete(request);
      this.wake();
    });
    this.#requests.add(request);
    return rest;
  }

  /** Takes batches of one leader through one request; never rejects. */
  async #deliver(leader: number, batches: readonly Batch[]): Promise<void> {
    const { cluster } = this.#parts;
    const { signal } = this.#ended;
    let ready: readonly Batch[] = batches;
    try {
      const connection = await cluster.connection(leader, "produce", signal);
      ready = await this.#build(connection, batches);
      const [late, current] = [ready.filter(({ expired }) => expired), ready.filter(({ expired }) => !expired)];
      for (const batch of late) this.#end(batch);
      ready = current;
      if (ready.length > 0) await this.#exchange(connection, ready);
    } catch (error) {
      for (const batch of ready) this.#failed(batch, error, false);
    }
  }

  /** Gives every batch the bytes it travels as; those that cannot be are failed and left out. */
  async #build(connection: Connection, batches: readonly Batch[]): Promise<Batch[]> {
    const { codecs, settings: { compression }, world } = this.#parts;
    const version = connection.versions.pick(produce);
    const wanted = magicOfProduce(version);
    const built: Batch[] = [];
    for (const batch of batches) {
      try {
        if (compression === "zstd" && version < ZSTD_SINCE) throw noZstd(connection);
        // The leader is another one, and older: what nobody ever saw is written anew in its format.
        if (batch.builder.magic > wanted) toFormat(batch, wanted);
        if (!batch.bytes) {
          const bytes = batch.builder.build({ compression, codecs });
          batch.bytes = bytes instanceof Promise ? await world.outside(() => bytes) : bytes;
        }
        built.push(batch);
      } catch (error) {
        this.#failed(batch, error, false);
      }
    }
    return built;
  }

  async #exchange(connection: Connection, batches: readonly Batch[]): Promise<void> {
    const { settings: { acks, requestTimeoutMs: timeoutMs }, cluster } = this.#parts;
    const { signal } = this.#ended;
    const ids = new Map(batches.map(({ topic }) => [topic, cluster.snapshot.topics.get(topic)?.id]));
    const versionMax = versionMaxOf(batches[0]!.builder.magic, [...ids.values()].every((id) => id !== undefined));
    const body = { acks, timeoutMs, topicData: topicData(batches, ids) };
    const options = { timeoutMs, signal, versionMax: connection.versions.pick(produce, versionMax) };
    if (connection.error) throw connection.error;
    for (const batch of batches) {
      batch.underWay = true;
      batch.tries++;
    }
    if (acks === 0) {
      await connection.send(produce, body, options);
      for (const batch of batches) this.#succeeded(connection, batch, -1, -1);
      return;
    }
    const { responses } = await connection.request(produce, body, options);
    const names = new Map([...ids].map(([name, id]) => [id, name]));
    const answers = new Map<string, PartitionAnswer>();
    for (const { name, topicId, partitionResponses } of responses) {
      const topic = name || names.get(topicId) || "";
      for (const answer of partitionResponses) answers.set(`${topic}/${answer.index}`, answer);
    }
    for (const batch of batches) this.#answered(connection, batch, answers.get(`${batch.topic}/${batch.partition}`));
  }

  #answered(connection: Connection, batch: Batch, answer: PartitionAnswer | undefined): void {
    const { topic, partition } = batch;
    const context = { broker: connection.label, topic, partition };
    if (!answer) {
      const detail = `${connection.label} left ${topic}/${partition} out of its answer to Produce`;
      this.#failed(batch, new KafkaError("PROTOCOL_ERROR", detail, context), true);
    } else if (answer.errorCode === errorNumbers.MESSAGE_TOO_LARGE && batch.builder.count > 1 && !batch.expired) {
      // Its messages may well fit one by one (KIP-126).
      this.#parts.telemetry.batchSplit();
      this.#parts.accumulator.putBack(batch, halves(batch));
    } else if (answer.errorCode !== 0) {
      this.#failed(batch, KafkaError.ofBroker(answer.errorCode, answer.errorMessage ?? "", context), true);
    } else this.#succeeded(connection, batch, answer.baseOffset, answer.logAppendTimeMs);
  }

  #succeeded({ label }: Connection, batch: Batch, baseOffset: number, logAppendTimeMs: number): void {
    const { topic, partition, builder, tries } = batch;
    if (!batch.expired) this.#parts.telemetry.batchSent(batch, label, baseOffset);
    let offset = baseOffset;
    // Whoever waited for a batch that came too late has been told.
    for (const part of batch.expired ? [] : batch.parts) {
      part.succeeded(topic, partition, offset, logAppendTimeMs);
      if (offset >= 0) offset += part.count;
    }
    this.#end(batch);
    // The bytes of a try that failed may still be on their way somewhere; those of the only one have arrived.
    if (tries > 1) return;
    batch.bytes = undefined;
    builder.release();
  }

  /** A batch in flight failed: it is tried again later, or given up. `answered`: the leader itself said so. */
  #failed(batch: Batch, error: unknown, answered: boolean): void {
    const { accumulator, cluster, settings, world, telemetry } = this.#parts;
    const failure = this.#failureOf(error);
    batch.lastError = failure;
    // An answer tells whether the records were written; anything else that happens to what was sent leaves it open.
    if (batch.underWay && !(answered && failure.persisted === "no")) batch.ambiguous = true;
    batch.underWay = false;
    if (batch.expired || this.#ended.signal.aborted || !isRetriable(failure)) {
      if (!batch.expired) this.#report(batch, failure);
      this.#end(batch);
      return;
    }
    const isNobodysFault = isHarmless(failure);
    const ms = isNobodysFault ? 0 : delayMs(world, settings, batch.failures + 1);
    telemetry.batchRetried(batch, failure.broker, failure, ms);
    if (!isNobodysFault) {
      cluster.lookAgain(failure);
      batch.failures++;
    }
    batch.retryAt = world.now() + ms;
    accumulator.putBack(batch, [batch]);
  }

  #failureOf(error: unknown): KafkaError {
    if (error instanceof KafkaError) return error;
    const detail = `The batch could not be sent: ${error instanceof Error ? error.message : String(error)}`;
    return new KafkaError("PROTOCOL_ERROR", detail, { cause: error });
  }

  /** A batch that was in flight has its end, and everybody has been told. */
  #end(batch: Batch): void {
    this.#parts.accumulator.done(batch);
    this.#parts.roomMade(batch.heldBytes);
  }

  /** The time is over. What is in flight keeps its place until its request has ended: nothing may overtake it. */
  #expired(batch: Batch): void {
    if (batch.expired) this.#report(batch, undelivered(batch));
    else this.#giveUp(batch, undelivered(batch));
  }

  /** The last word for a batch that was waiting. */
  #giveUp(batch: Batch, error: KafkaError): void {
    this.#report(batch, error);
    this.#parts.roomMade(batch.heldBytes);
  }

  /** Tells all whose messages are in the batch that it failed. */
  #report(batch: Batch, error: KafkaError): void {
    const { topic, partition, ambiguous, underWay, parts } = batch;
    const known = error.persisted === "no" ? "possibly" : error.persisted;
    const failure = error.with({ topic, partition, persisted: ambiguous || underWay ? known : "no" });
    this.#parts.telemetry.batchFailed(batch, failure.broker, failure);
    for (const part of parts) part.failed(failure);
  }
}

/** Only for a batch that was never sent: a try whose end nobody knows must be repeated byte for byte. */
function toFormat(batch: Batch, magic: 0 | 1 | 2): void {
  const { topic, partition, ambiguous } = batch;
  if (ambiguous) {
    const detail =
      `${topic}/${partition} has moved to an older broker while it was not known whether the batch was written`;
    throw new KafkaError("UNSUPPORTED_FEATURE", detail, { topic, partition });
  }
  batch.builder = rewritten(batch, magic);
  batch.bytes = undefined;
}

function noZstd({ label }: Connection): KafkaError {
  const detail = `${label} is older than Kafka 2.1 and cannot hold zstd; choose gzip, snappy or lz4`;
  return new KafkaError(brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE), detail, { broker: label });
}

function undelivered({ topic, partition, createdAt, deadline, lastError }: Batch): KafkaError {
  const detail = `${topic}/${partition} did not acknowledge within ${Math.round(deadline - createdAt)} ms`;
  const why = lastError ? `, last because of ${lastError.message}` : "";
  return new KafkaError("DELIVERY_TIMEOUT", detail + why, { topic, partition, cause: lastError });
}

/** The newest version of Produce that takes batches of a format (KIP-98 brought magic 2 with v3, KIP-32 magic 1 with v2). */
function versionMaxOf(magic: 0 | 1 | 2, haveIds: boolean): number | undefined {
  if (magic === 2) return haveIds ? undefined : BY_TOPIC_ID - 1;
  return magic === 1 ? 2 : 1;
}

function topicData(
  batches: readonly Batch[],
  ids: ReadonlyMap<string, string | undefined>,
): Request<typeof produce>["topicData"] {
  const topics = new Map<string, { index: number; records: Uint8Array }[]>();
  for (const { topic, partition, bytes } of batches) {
    const partitions = topics.get(topic) ?? [];
    if (partitions.push({ index: partition, records: bytes! }) === 1) topics.set(topic, partitions);
  }
  return [...topics].map(([name, partitionData]) => {
    const topicId = ids.get(name);
    return { name, ...(topicId !== undefined && { topicId }), partitionData };
  });
}
