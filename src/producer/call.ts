/** Who waits for messages: one call with a report for each of them, or all that were enqueued between two flushes. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred } from "../base/world.ts";
import type { Delivery, Outgoing } from "./message.ts";

/** What became of a message. */
export type DeliveryReport = Delivery | KafkaError;

/** What became of a batch: of all of its messages at once, at no cost for each of them. */
export interface BatchReport {
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** How many messages it holds. */
  readonly count: number;
  /** Their bytes before compression, with the batch's head. */
  readonly bytes: number;
  /** The first one's offset, which the others follow; -1 if it failed, or the broker did not say. */
  readonly baseOffset: number;
  /** How often it was sent; 0 if it never was. */
  readonly tries: number;
  /** Why it failed, with `persisted`; undefined if it did not. Where a broker refused some of its messages only, none was written. */
  readonly error: KafkaError | undefined;
}

/** A caller of `produce`, who waits. */
export type Waiting = Deferred<Delivery | Delivery[]>;

/** Whoever is told what became of messages. */
export interface Recipient {
  /** Who is told only how many messages were acknowledged; undefined: each is reported by itself. */
  readonly counter: Round | undefined;
  /** One message's end; only the first counts. The index means something to calls alone. */
  report(index: number, report: DeliveryReport): void;
}

/** Who is told of calls and rounds: the producer. */
export interface CallOwner {
  /** Whether every message's end is told. */
  readonly wantsReports: boolean;
  /** Every message of the call has its report. */
  settled(call: Call): void;
  /** The end of a message that was enqueued. */
  told(report: DeliveryReport): void;
  /** Nothing of the round is open any more, and nothing will be added to it. */
  roundOver(round: Round): void;
}

/** Somebody who waits for all that was given before. */
export interface Flush {
  /** How many rounds are not over. */
  left: number;
  readonly done: () => void;
}

/** What is given between two flushes. It is told of the messages that were enqueued and need no call of their own. */
export class Round implements Recipient {
  /** Who waits for its end. */
  readonly flushes: Flush[] = [];
  readonly #owner: CallOwner;
  #open = 0;
  #sealed = false;

  /** The owner is told when it is over. */
  constructor(owner: CallOwner) {
    this.#owner = owner;
  }

  get counter(): Round | undefined {
    return this.#owner.wantsReports ? undefined : this;
  }

  /** Whether something of it has not got its end. */
  get isOpen(): boolean {
    return this.#open > 0;
  }

  /** A call, or so many messages, belong to it. */
  add(count: number): void {
    this.#open += count;
  }

  /** A call, or so many messages, have their end. */
  acknowledged(count: number): void {
    this.#open -= count;
    if (this.#open === 0 && this.#sealed) this.#owner.roundOver(this);
  }

  report(_index: number, report: DeliveryReport): void {
    this.#owner.told(report);
    this.acknowledged(1);
  }

  /** Nothing is added to it any more. */
  seal(): void {
    this.#sealed = true;
  }
}

const NONE: readonly (Outgoing | undefined)[] = Object.freeze([]);

/** What a call is made of. */
export interface CallParts {
  readonly owner: CallOwner;
  readonly round: Round;
  readonly number: number;
  readonly count: number;
  readonly isSingle: boolean;
  readonly wait: Waiting | undefined;
}

/** A call whose messages are told apart: somebody waits for them, or they had to wait themselves. */
export class Call implements Recipient {
  /** Counts the calls of a producer: who came first is served first. */
  readonly number: number;
  /** What it was given with. */
  readonly round: Round;
  /** What is not in a batch yet, by its place in the call; an entry is let go of as soon as it is. Most calls never wait. */
  #waiting: (Outgoing | undefined)[] | undefined;
  /** When what is not in a batch stops waiting, on the world's clock. */
  deadline = Infinity;
  /** What is reported for what the caller took back: it knows already, and needs not be told by `flush`. */
  takenBack: KafkaError | undefined;
  /** Called when every message is in a batch, or has its report. */
  onTaken: (() => void) | undefined;
  /** Each of its messages is reported by itself. */
  readonly counter = undefined;
  /** Who waits for its end, if anybody does. */
  readonly wait: Waiting | undefined;
  /** Whether one message was given, and not a list. */
  readonly isSingle: boolean;
  /** What became of each message; undefined while it is not known. */
  readonly reports: (DeliveryReport | undefined)[];
  readonly #owner: CallOwner;
  #untaken = 0;
  #open: number;

  /** So many messages; the owner is told once, when every one has its report. */
  constructor(parts: CallParts) {
    this.#owner = parts.owner;
    this.round = parts.round;
    this.number = parts.number;
    this.wait = parts.wait;
    this.isSingle = parts.isSingle;
    this.reports = new Array(parts.count);
    this.#open = parts.count;
    this.round.add(1);
  }

  /** What is not in a batch yet, by its place in the call. */
  get waiting(): readonly (Outgoing | undefined)[] {
    return this.#waiting ?? NONE;
  }

  /** Whether every message has its report. */
  get isSettled(): boolean {
    return this.#open === 0;
  }

  /** Whether every message is in a batch, or has its report. */
  get isTaken(): boolean {
    return this.#untaken === 0;
  }

  /** A message has to wait before it goes into a batch. */
  hold(index: number, message: Outgoing): void {
    (this.#waiting ??= [])[index] = message;
    this.#untaken++;
  }

  /** A message is in a batch. */
  taken(index: number): void {
    if (!this.#waiting?.[index]) return;
    this.#waiting[index] = undefined;
    if (--this.#untaken === 0) this.onTaken?.();
  }

  report(index: number, report: DeliveryReport): void {
    if (this.reports[index] !== undefined) return;
    this.reports[index] = report;
    if (this.#untaken > 0) this.taken(index);
    if (--this.#open === 0) this.#owner.settled(this);
  }

  /** The first message's error that the caller does not know of already, if any failed. */
  get failure(): KafkaError | undefined {
    for (const report of this.reports) {
      if (report instanceof KafkaError && report !== this.takenBack) return report;
    }
    return undefined;
  }
}

/** Neighbours in a batch that belong to one recipient. */
export class Part {
  /** Who is told of them. */
  readonly recipient: Recipient;
  #count = 1;
  /** Where the first stands in its call; the others follow it, as long as there is no list. */
  readonly #first: number;
  #indexes: number[] | undefined;
  /** The timestamp of all, as long as there is no list. */
  readonly #timestamp: number;
  #timestamps: number[] | undefined;

  /** Begins with one message. */
  constructor(recipient: Recipient, index: number, timestamp: number) {
    this.recipient = recipient;
    this.#first = index;
    this.#timestamp = timestamp;
  }

  /** How many messages there are. */
  get count(): number {
    return this.#count;
  }

  /** The next message. */
  add(index: number, timestamp: number): void {
    if (!this.recipient.counter) {
      if (this.#indexes) this.#indexes.push(index);
      else if (index !== this.#first + this.#count) this.#indexes = [...this.#allIndexes(), index];
      if (this.#timestamps) this.#timestamps.push(timestamp);
      else if (timestamp !== this.#timestamp) this.#timestamps = [...this.#allTimestamps(), timestamp];
    }
    this.#count++;
  }

  /** Where a message stands in its call. */
  indexAt(i: number): number {
    return this.#indexes ? this.#indexes[i]! : this.#first + i;
  }

  /** A message's timestamp. */
  timestampAt(i: number): number {
    return this.#timestamps ? this.#timestamps[i]! : this.#timestamp;
  }

  /** Some of its messages, from one up to, but without, another. */
  slice(from: number, to: number): Part {
    const part = new Part(this.recipient, this.indexAt(from), this.timestampAt(from));
    for (let i = from + 1; i < to; i++) part.add(this.indexAt(i), this.timestampAt(i));
    return part;
  }

  /** Tells that all of them are in the log, from an offset on (-1: nobody knows), at the broker's time if it has one. */
  succeeded(topic: string, partition: number, baseOffset: number, logAppendTimeMs: number): void {
    const { recipient } = this;
    if (recipient.counter) return recipient.counter.acknowledged(this.#count);
    for (let i = 0; i < this.#count; i++) {
      const offset = baseOffset < 0 ? -1 : baseOffset + i;
      const timestamp = logAppendTimeMs >= 0 ? logAppendTimeMs : this.timestampAt(i);
      recipient.report(this.indexAt(i), { topic, partition, offset, timestamp });
    }
  }

  /** Tells that all of them failed. */
  failed(error: KafkaError): void {
    this.failedEach(() => error);
  }

  /** Tells that all of them failed, each for a reason of its own. */
  failedEach(errorOf: (i: number) => KafkaError): void {
    for (let i = 0; i < this.#count; i++) this.recipient.report(this.indexAt(i), errorOf(i));
  }

  #allIndexes(): number[] {
    return Array.from({ length: this.#count }, (_, i) => this.#first + i);
  }

  #allTimestamps(): number[] {
    return new Array<number>(this.#count).fill(this.#timestamp);
  }
}
