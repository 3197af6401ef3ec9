/** One call of a user: what became of each of its messages, and when the last of them is known. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred } from "../base/world.ts";
import type { Delivery, Outgoing } from "./message.ts";

/** What became of a message. */
export type DeliveryReport = Delivery | KafkaError;

/** A caller of `produce`, who waits. */
export interface Waiting extends Deferred<Delivery | Delivery[]> {
  /** Whether one message was given, and not a list. */
  readonly single: boolean;
}

/** Who is told when a call has its end; one for all calls of a producer. */
export interface CallOwner {
  /** Every message of the call has its report. */
  settled(call: Call): void;
}

/** A call of `produce` or `enqueue`. */
export class Call {
  /** Counts the calls of a producer: `flush` waits for those up to its own. */
  readonly number: number;
  /** What is not in a batch yet; an entry is let go of as soon as it is. */
  readonly messages: (Outgoing | undefined)[];
  /** What became of each message; undefined while it is not known. */
  readonly reports: (DeliveryReport | undefined)[];
  /** When its messages stop waiting to be acknowledged, on the world's clock. */
  readonly deadline: number;
  /** What is reported for what the caller took back: it knows already, and needs not be told by `flush`. */
  takenBack: KafkaError | undefined;
  /** Called when every message is in a batch, or has its report. */
  onTaken: (() => void) | undefined;
  /** Who waits for its end, if anybody does. */
  readonly wait: Waiting | undefined;
  readonly #owner: CallOwner;
  #untaken: number;
  #open: number;

  /** The owner is told once, when every message has its report. */
  constructor(
    owner: CallOwner,
    number: number,
    messages: Outgoing[],
    deadline: number,
    wait: Waiting | undefined,
  ) {
    this.number = number;
    this.messages = messages;
    this.reports = new Array(messages.length);
    this.deadline = deadline;
    this.wait = wait;
    this.#owner = owner;
    this.#untaken = this.#open = messages.length;
  }

  /** Whether every message has its report. */
  get isSettled(): boolean {
    return this.#open === 0;
  }

  /** Whether every message is in a batch, or has its report. */
  get isTaken(): boolean {
    return this.#untaken === 0;
  }

  /** A message is in a batch. */
  taken(index: number): void {
    if (!this.messages[index]) return;
    this.messages[index] = undefined;
    if (--this.#untaken === 0) this.onTaken?.();
  }

  /** One message's end; only the first counts. */
  report(index: number, report: DeliveryReport): void {
    if (this.reports[index] !== undefined) return;
    this.reports[index] = report;
    this.taken(index);
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
