/** From a call to batches: finds each message's partition and its leader's format, in order, and holds back what there is no room for. */

import { errorNumbers } from "../base/error_codes.ts";
import type { Budget } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { Backoff, type BackoffSettings, isRetriable } from "../cluster/retry.ts";
import type { Snapshot, TopicInfo } from "../cluster/snapshot.ts";
import { produce } from "../protocol/produce.ts";
import { recordSizeMax } from "../records/builder.ts";
import { type Accumulator, type Batch, emptyQueue, type PartitionQueue } from "./accumulator.ts";
import type { Call, Recipient } from "./call.ts";
import type { Outgoing } from "./message.ts";
import { type ChoosingSettings, PartitionChooser } from "./choosing.ts";

/** A call's messages for one topic that have to wait, in order. */
interface Share {
  readonly call: Call;
  readonly indexes: number[];
  /** How many of them are through. */
  next: number;
  /** The partition that was chosen for the next one. */
  chosen: number | undefined;
}

/** The way into the batches of one topic, first come, first served. */
interface Line {
  readonly topic: string;
  /** Who waits. */
  readonly shares: Set<Share>;
  /** Its partitions' queues, those that were ever needed. */
  readonly queues: PartitionQueue[];
  readonly chooser: PartitionChooser;
  /** What `info` was taken from. */
  snapshot: Snapshot | undefined;
  info: TopicInfo | undefined;
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
  readonly deliveryTimeoutMs: number;
  readonly choosing: ChoosingSettings;
  /** Called when a batch was begun or closed. */
  readonly batchChanged: () => void;
}

/** How many versions of Produce bring which record format: 0 and 1 magic 0, 2 magic 1, from 3 on magic 2. */
export function magicOfProduce(version: number): 0 | 1 | 2 {
  return version >= 3 ? 2 : version === 2 ? 1 : 0;
}

/** What became of one message: it is in a batch, or has its report; or it has to wait, for room or for something to be found out. */
type Step = "done" | "thirsty" | "blocked";

/** Puts messages into batches; those that cannot go there yet wait here. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #lines = new Map<string, Line>();
  /** Who waits for room in the buffer: whoever came first gets it, and nobody may take what that one waits for. */
  readonly #thirsty = new Set<Line>();
  readonly #finding = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  /** The line that was last asked for: most often the next message is for the same topic. */
  #last: Line | undefined;

  /** Takes what it works with. */
  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Puts a message into a batch, or reports what is wrong with it. False: it has to wait, and comes back with `wait`. */
  put(message: Outgoing, recipient: Recipient, index: number): boolean {
    const line = this.#line(message.topic);
    if (line.shares.size > 0 || this.#thirsty.size > 0) return false;
    return this.#append(line, message, undefined, recipient, index) === "done";
  }

  /** Takes what a call holds: whatever can go into batches does, the rest follows in order. */
  wait(call: Call): void {
    const shares = new Map<string, Share>();
    call.waiting.forEach((message, index) => {
      if (!message) return;
      const share = shares.get(message.topic);
      if (share) share.indexes.push(index);
      else shares.set(message.topic, { call, indexes: [index], next: 0, chosen: undefined });
    });
    for (const [topic, share] of shares) {
      const line = this.#line(topic);
      line.shares.add(share);
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
    if (this.#thirsty.size === 0) return undefined;
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
      if (line.shares.size === 0) continue;
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

  #line(topic: string): Line {
    if (this.#last?.topic === topic) return this.#last;
    let line = this.#lines.get(topic);
    if (!line) {
      const { cluster, world, choosing } = this.#parts;
      cluster.use(topic);
      line = {
        ...{ topic, shares: new Set(), queues: [], chooser: new PartitionChooser(world, choosing) },
        ...{ snapshot: undefined, info: undefined, blocked: false, finding: false, lastError: undefined },
      };
      this.#lines.set(topic, line);
    }
    return this.#last = line;
  }

  /** What is in no batch was never sent, whatever the error may mean elsewhere. */
  #drop(line: Line, share: Share, error: KafkaError): void {
    line.shares.delete(share);
    const unsent = error.persisted === "no" ? error : error.with({ persisted: "no" });
    for (const index of share.indexes) {
      if (share.call.waiting[index]) share.call.report(index, unsent);
    }
  }

  /** Moves messages into batches until the line is empty or has to wait. */
  #advance(line: Line): void {
    if (this.#ended.signal.aborted) return;
    for (const share of line.shares) {
      const { call, indexes } = share;
      const first = this.#firstThirsty();
      if (first && first !== line && numberOf(first) < call.number) return void this.#thirsty.add(line);
      for (; share.next < indexes.length; share.next++) {
        const index = indexes[share.next]!;
        const message = call.waiting[index];
        if (!message) continue;
        const step = this.#append(line, message, share, call, index);
        if (step === "thirsty") return void this.#thirsty.add(line);
        if (step === "blocked") {
          this.#thirsty.delete(line);
          this.#find(line);
          return;
        }
        call.taken(index);
        share.chosen = undefined;
      }
      line.shares.delete(share);
    }
    this.#thirsty.delete(line);
  }

  /** Puts one message into a batch, if it can go there now. What is wrong with it is its report. */
  #append(
    line: Line,
    message: Outgoing,
    share: Share | undefined,
    recipient: Recipient,
    index: number,
  ): Step {
    const { accumulator, buffer } = this.#parts;
    const topic = this.#infoOf(line);
    if (!topic) return "blocked";
    try {
      const partition = share?.chosen ?? this.#choose(line, message, topic);
      const queue = line.queues[partition] ??= emptyQueue(line.topic, partition);
      const open = accumulator.open(queue);
      // A batch keeps the format that it was begun in, unless the message would need a newer one.
      const magic = open && (open.builder.magic === 2 || message.headers.length === 0)
        ? open.builder.magic
        : this.#magicOf(line, topic, partition);
      if (share) share.chosen = partition;
      if (magic === undefined) return "blocked";
      const bytes = recordSizeMax(magic, message);
      if (!buffer.tryTake(bytes)) return "thirsty";
      let held = 0;
      try {
        held = accumulator.append(
          this.#batchFor(queue, open, magic, bytes, share?.call.deadline),
          message,
          recipient,
          index,
        );
      } finally {
        buffer.give(bytes - held);
      }
      line.chooser.appended(partition, held);
    } catch (error) {
      recipient.report(index, failureOf(error, line.topic));
    }
    return "done";
  }

  /** The open batch if the record fits into it, else a new one. */
  #batchFor(
    queue: PartitionQueue,
    open: Batch | undefined,
    magic: 0 | 1 | 2,
    bytes: number,
    deadline: number | undefined,
  ): Batch {
    const { accumulator, world, deliveryTimeoutMs, batchChanged } = this.#parts;
    if (open) {
      if (open.builder.magic === magic && accumulator.hasRoom(open, bytes)) return open;
      open.sealed = true;
    }
    const now = world.now();
    const batch = accumulator.begin(queue, magic, deadline ?? now + deliveryTimeoutMs, now);
    batchChanged();
    return batch;
  }

  #infoOf(line: Line): TopicInfo | undefined {
    const { snapshot } = this.#parts.cluster;
    if (line.snapshot !== snapshot) {
      line.snapshot = snapshot;
      line.info = snapshot.topics.get(line.topic);
    }
    return line.info;
  }

  #choose(line: Line, message: Outgoing, topic: TopicInfo): number {
    const { name, partitions: { length: count } } = topic;
    const partition = message.partition ?? line.chooser.choose(message, topic, line.queues);
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition;
    throw new KafkaError("INVALID_OPTION", `${name} has ${count} partitions, from 0; ${partition} is none of them`, {
      topic: name,
    });
  }

  /** What the leader takes; while there is none, or none is found, what another would: a batch that does not fit is written anew. */
  #magicOf({ lastError }: Line, { partitions }: TopicInfo, partition: number): 0 | 1 | 2 | undefined {
    const { cluster } = this.#parts;
    const { leader } = partitions[partition] ?? { leader: -1 }; // it was there when it was chosen
    const others = leader < 0 || lastError ? cluster.snapshot.brokers.keys() : [];
    for (const broker of [leader, ...others]) {
      const version = cluster.versionsOf(broker)?.best(produce);
      if (version !== undefined) return magicOfProduce(version);
    }
    return undefined;
  }

  #find(line: Line): void {
    line.blocked = true;
    if (line.finding || this.#ended.signal.aborted) return;
    line.finding = true;
    const task = this.#parts.world.task(`finding the leaders of ${line.topic}`, () => this.#findAll(line));
    this.#finding.add(task);
    task.then(() => this.#finding.delete(task));
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
        cluster.lookAgain(error);
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
