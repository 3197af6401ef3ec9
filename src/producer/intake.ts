/** From a call to batches: finds each message's partition and its leader's format, in order, and holds back what there is no room for. */

import { errorNumbers } from "../base/error_codes.ts";
import type { Budget } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { Backoff, type BackoffSettings, isRetriable } from "../cluster/retry.ts";
import { produce } from "../protocol/produce.ts";
import type { TopicInfo } from "../cluster/snapshot.ts";
import { recordSizeMax } from "../records/builder.ts";
import type { Accumulator } from "./accumulator.ts";
import type { Call } from "./call.ts";
import type { Outgoing } from "./message.ts";
import type { DefaultPartitioner, Partitioner } from "./partitioner.ts";

/** A call's messages for one topic, in order. */
interface Share {
  readonly call: Call;
  readonly indexes: readonly number[];
  /** How many of them are through. */
  next: number;
  /** The partition that was chosen for the next one. */
  chosen: number | undefined;
}

/** What is on its way into the batches of one topic, first come, first served. */
interface Line {
  readonly topic: string;
  readonly shares: Set<Share>;
  /** The first share waits for something that is not known about the cluster. */
  blocked: boolean;
  /** A task is finding that out. */
  finding: boolean;
  /** Why it could not be found out. */
  lastError: KafkaError | undefined;
}

/** What an intake works with. */
export interface IntakeParts {
  readonly world: World;
  readonly cluster: Cluster;
  readonly accumulator: Accumulator;
  readonly buffer: Budget;
  readonly backoff: BackoffSettings;
  readonly sticky: DefaultPartitioner;
  readonly partitioner: Partitioner | undefined;
  /** Called when a batch was begun or closed. */
  readonly batchChanged: () => void;
}

/** How many versions of Produce bring which record format: 0 and 1 magic 0, 2 magic 1, from 3 on magic 2. */
export function magicOfProduce(version: number): 0 | 1 | 2 {
  return version >= 3 ? 2 : version === 2 ? 1 : 0;
}

/** The calls that are not in batches yet. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #lines = new Map<string, Line>();
  /** Who waits for room in the buffer: whoever came first gets it, and nobody may take what that one waits for. */
  readonly #thirsty = new Set<Line>();
  readonly #finding = new Set<Promise<void>>();
  readonly #ended = new AbortController();

  /** Takes what it works with. */
  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Takes a call. What can go into batches at once does; the rest follows in order. */
  add(call: Call): void {
    for (const [topic, indexes] of byTopic(call.messages)) {
      let line = this.#lines.get(topic);
      if (!line) {
        this.#parts.cluster.use(topic);
        this.#lines.set(
          topic,
          line = {
            ...{ topic, shares: new Set(), blocked: false, finding: false, lastError: undefined },
          },
        );
      }
      line.shares.add({ call, indexes, next: 0, chosen: undefined });
      if (line.shares.size === 1) this.#advance(line);
    }
  }

  /** Whether somebody waits for room in the buffer. */
  get isThirsty(): boolean {
    return this.#thirsty.size > 0;
  }

  /** There may be room in the buffer for the first in line. */
  roomMade(): void {
    for (let line = this.#firstThirsty(); line && !this.#ended.signal.aborted; line = this.#firstThirsty()) {
      const [share] = line.shares;
      this.#advance(line);
      if (this.#thirsty.has(line) && line.shares.has(share!)) return;
    }
  }

  #firstThirsty(): Line | undefined {
    let first: Line | undefined;
    for (const line of this.#thirsty) if (!first || numberOf(line) < numberOf(first)) first = line;
    return first;
  }

  /** Takes back from a call what is not in a batch yet. */
  takeBack(call: Call, error: KafkaError): void {
    for (const line of this.#lines.values()) {
      for (const share of line.shares) {
        if (share.call !== call) continue;
        const isFirst = line.shares.values().next().value === share;
        this.#drop(line, share, error);
        if (isFirst) this.#advance(line);
        break;
      }
    }
    this.roomMade(); // what was taken back may have been first in line
  }

  /** Fails what has waited too long, and says when the next one will have: on the world's clock, Infinity for never. */
  expire(now: number, failure: (cause: KafkaError | undefined) => KafkaError): number {
    let next = Infinity;
    for (const line of this.#lines.values()) {
      let hasChanged = false;
      for (const share of line.shares) {
        if (share.call.deadline > now) {
          next = Math.min(next, share.call.deadline);
          break;
        }
        this.#drop(line, share, failure(line.lastError));
        hasChanged = true;
      }
      if (hasChanged) this.#advance(line);
    }
    this.roomMade(); // what has failed may have been first in line
    return next;
  }

  /** From now on nothing goes into batches any more. */
  stop(error: KafkaError): void {
    this.#ended.abort(error);
  }

  /** Ends it: what is not in a batch yet fails. */
  async close(error: KafkaError): Promise<void> {
    this.stop(error);
    for (const line of this.#lines.values()) {
      for (const share of line.shares) this.#drop(line, share, error);
      this.#parts.cluster.letGo(line.topic);
    }
    this.#lines.clear();
    await Promise.all(this.#finding);
  }

  #drop(line: Line, share: Share, error: KafkaError): void {
    line.shares.delete(share);
    for (const index of share.indexes) {
      if (share.call.messages[index]) share.call.report(index, error);
    }
  }

  /** Moves messages into batches until the line is empty or has to wait. */
  #advance(line: Line): void {
    if (this.#ended.signal.aborted) return;
    for (const share of line.shares) {
      const first = this.#firstThirsty();
      if (first && first !== line && numberOf(first) < share.call.number) return void this.#thirsty.add(line);
      for (; share.next < share.indexes.length; share.next++) {
        const step = this.#append(line, share);
        if (step === "thirsty") return void this.#thirsty.add(line);
        if (step === "blocked") return void this.#thirsty.delete(line);
        share.chosen = undefined;
      }
      line.shares.delete(share);
    }
    this.#thirsty.delete(line);
  }

  /** Puts one message into a batch; or it has to wait for room, or for something to be found out, and is called again. */
  #append(line: Line, share: Share): "done" | "thirsty" | "blocked" {
    const { cluster, accumulator, buffer, world, batchChanged, sticky } = this.#parts;
    const { call } = share;
    const index = share.indexes[share.next]!;
    const message = call.messages[index];
    if (!message) return "done";
    const topic = cluster.snapshot.topics.get(line.topic);
    if (!topic) return this.#find(line);
    try {
      const partition = share.chosen ??= this.#choose(message, topic);
      const magic = this.#magicOf(topic, partition);
      if (magic === undefined) return this.#find(line);
      const bytes = recordSizeMax(magic, message);
      if (!buffer.tryTake(bytes)) return "thirsty";
      try {
        if (accumulator.append(magic, message, partition, call, index, bytes, world.now())) batchChanged();
      } catch (error) {
        buffer.give(bytes);
        throw error;
      }
      call.taken(index);
      if (message.key === null) sticky.appended(line.topic, partition, bytes);
    } catch (error) {
      call.report(index, failureOf(error, line.topic));
    }
    return "done";
  }

  #choose(message: Outgoing, { name, partitions }: TopicInfo): number {
    const count = partitions.length;
    const { partitioner, sticky } = this.#parts;
    const partition = message.partition ?? (partitioner ? partitioner(message, count) : sticky.choose(message, count));
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition;
    throw new KafkaError("INVALID_OPTION", `${name} has ${count} partitions, from 0; ${partition} is none of them`, {
      topic: name,
    });
  }

  /** What the leader takes; while there is none, what another broker would: a batch that does not fit is written anew. */
  #magicOf({ partitions }: TopicInfo, partition: number): 0 | 1 | 2 | undefined {
    const { cluster } = this.#parts;
    const { leader } = partitions[partition]!;
    for (const broker of leader < 0 ? cluster.snapshot.brokers.keys() : [leader]) {
      const version = cluster.versionsOf(broker)?.best(produce);
      if (version !== undefined) return magicOfProduce(version);
    }
    return undefined;
  }

  #find(line: Line): "blocked" {
    line.blocked = true;
    if (line.finding || this.#ended.signal.aborted) return "blocked";
    line.finding = true;
    const task = this.#parts.world.task(`finding the leaders of ${line.topic}`, () => this.#findAll(line));
    this.#finding.add(task);
    task.then(() => this.#finding.delete(task));
    return "blocked";
  }

  /** Finds out what the first share waits for, until none waits for that any more. */
  async #findAll(line: Line): Promise<void> {
    const { world, cluster, backoff: settings } = this.#parts;
    const { signal } = this.#ended;
    const backoff = new Backoff(world, settings);
    while (line.blocked && !signal.aborted) {
      try {
        await this.#findFirst(line, signal);
        line.lastError = undefined;
      } catch (error) {
        if (signal.aborted) break;
        line.lastError = failureOf(error, line.topic);
        if (!isRetriable(error)) this.#refuse(line, line.lastError);
        cluster.lookAgain();
        await world.sleep(backoff.nextMs(), signal).catch(() => {}); // the loop looks at the signal
      }
      line.blocked = false;
      this.#advance(line);
    }
    line.finding = false;
  }

  async #findFirst(line: Line, signal: AbortSignal): Promise<void> {
    const { cluster } = this.#parts;
    const topic = await cluster.topic(line.topic, signal);
    const [share] = line.shares;
    const { leader } = topic.partitions[share?.chosen ?? 0] ?? { leader: -1 };
    if (leader < 0) {
      throw KafkaError.ofBroker(errorNumbers.LEADER_NOT_AVAILABLE, "", { topic: line.topic, partition: share?.chosen });
    }
    const connection = await cluster.connection(leader, "produce", signal);
    connection.versions.pick(produce);
  }

  /** The topic cannot be written to: everyone who waits for it is told. */
  #refuse(line: Line, error: KafkaError): void {
    for (const share of line.shares) this.#drop(line, share, error);
  }
}

/** The number of the call that is first in line. */
function numberOf({ shares }: Line): number {
  return shares.values().next().value?.call.number ?? Infinity;
}

function failureOf(error: unknown, topic: string): KafkaError {
  if (error instanceof KafkaError) return error.topic === undefined ? error.within({ topic }) : error;
  const detail = `The message could not be taken: ${error instanceof Error ? error.message : String(error)}`;
  return new KafkaError("INVALID_OPTION", detail, { topic, cause: error });
}

const ONLY = [0];

function byTopic(
  messages: readonly (Outgoing | undefined)[],
): Iterable<readonly [topic: string, indexes: readonly number[]]> {
  if (messages.length === 1) return [[messages[0]!.topic, ONLY]];
  const topics = new Map<string, number[]>();
  for (let i = 0; i < messages.length; i++) {
    const { topic } = messages[i]!;
    const indexes = topics.get(topic);
    if (indexes) indexes.push(i);
    else topics.set(topic, [i]);
  }
  return topics;
}
