/** Who was promised what: every message of a run, what its producer was told of it, and whether the logs agree. */

import { KafkaError } from "../../src/base/errors.ts";
import type { DeliveryReport } from "../../src/producer/call.ts";
import type { Delivery } from "../../src/producer/message.ts";
import { hashText } from "../../src/testing/chance.ts";
import type { Wire } from "./books.ts";
import { equal, FIRST_LAST, numberOf } from "./numbers.ts";
import type { Plan } from "./plan.ts";

/** A message as a reader saw it; without a text, that it went to another place. */
export interface Seen {
  readonly partition: number;
  readonly offset: number;
  readonly text: string | undefined;
}

/** In which partitions something may have been lost, as in Kafka. */
export interface Losses {
  /** A replica led that was not in sync: anything may be lost, and readers may have seen what is not there any more. */
  readonly isUnclean: readonly boolean[];
  /** What was acknowledged may be lost. */
  readonly isLossy: readonly boolean[];
}

/** What became of a message; "aborted": its caller took it back, and may have been too late. */
type Outcome = DeliveryReport | "aborted" | "enqueued";

/** The books of one run. Everything that is wrong throws. */
export class Ledger {
  readonly #plan: Plan;
  /** By the messages' numbers. */
  readonly #outcomes = new Map<number, Outcome>();
  readonly #toldOfAll: DeliveryReport[] = [];
  readonly #ends: { readonly seen: readonly Seen[]; readonly before: number[]; readonly after: number[] }[] = [];
  readonly #last: Delivery[] = [];
  #losses: Losses = { isUnclean: [], isLossy: [] };

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** What a call was told of a message; each only once. */
  settled(number: number, outcome: Outcome): void {
    if (this.#outcomes.has(number)) throw new Error(`message ${number} was settled twice`);
    this.#outcomes.set(number, outcome);
    if (outcome instanceof KafkaError && !isExpected(outcome)) throw outcome;
  }

  /** What `onDelivery` was told. */
  told(report: DeliveryReport): void {
    this.#toldOfAll.push(report);
    if (report instanceof KafkaError && !isExpected(report)) throw report;
  }

  /** What a reader to the end saw, and how long the logs were before and after. */
  readToEnd(seen: readonly Seen[], before: number[], after: number[]): void {
    this.#ends.push({ seen, before, after });
  }

  /** The value of a partition's last message, which has to get through. */
  last(partition: number): string {
    return `${FIRST_LAST + partition} last`;
  }

  /** Where the last messages went. */
  lastDelivered(deliveries: readonly Delivery[]): void {
    this.#last.push(...deliveries);
  }

  /** Compares with the logs, the values of each partition in order. */
  check(logs: readonly (readonly string[])[], along: readonly Seen[], wire: Wire, losses: Losses): void {
    this.#losses = losses;
    const all = this.#plan.calls.reduce((sum, { messages }) => sum + messages.length, 0);
    // A call whose signal has aborted before it begins is none.
    const none = this.#plan.calls.reduce(
      (sum, { messages, abortMs }) => sum + (abortMs === 0 ? messages.length : 0),
      0,
    );
    equal(this.#outcomes.size, all, "messages settled");
    equal(this.#toldOfAll.length, all - none, "messages told of by onDelivery");
    this.#checkOutcomes(logs);
    this.#checkOrder(logs);
    if (this.#plan.producer.acks !== 0) this.#checkDuplicates(logs, wire);
    for (const { partition, offset } of this.#last) equal(logs[partition]![offset], this.last(partition), "the last");
    this.#checkSeen("the reader that reads along", logs, along, logs.map(({ length }) => length));
    for (const { seen, before, after } of this.#ends) {
      this.#checkSeen("a reader to the end", logs, seen, before, after);
    }
  }

  /** Puts the end into the hash. */
  trace(logs: readonly (readonly string[])[], trace: (label: number, value: number) => void): void {
    logs.forEach((log, partition) => log.forEach((text) => trace(partition, hashText(text))));
    for (const [number, outcome] of this.#outcomes) {
      const words = typeof outcome === "string"
        ? outcome
        : outcome instanceof KafkaError
        ? `${outcome.code} ${outcome.persisted}`
        : `${outcome.partition} ${outcome.offset}`;
      trace(number, hashText(words));
    }
  }

  #checkOutcomes(logs: readonly (readonly string[])[]): void {
    const numbers = new Set(logs.flat().map(numberOf));
    for (const [number, outcome] of this.#outcomes) {
      if (typeof outcome === "string") continue;
      if (outcome instanceof KafkaError) {
        if (outcome.persisted === "no" && numbers.has(number)) {
          throw new Error(`message ${number} is in the log, and was said not to be: ${outcome.message}`);
        }
        continue;
      }
      const planned = this.#message(number);
      if (planned.partition !== undefined) equal(outcome.partition, planned.partition, `message ${number}'s partition`);
      if (outcome.offset < 0 || this.#losses.isLossy[outcome.partition]) continue;
      equal(logs[outcome.partition]![outcome.offset], planned.value, `what was acknowledged as message ${number}`);
    }
    for (const report of this.#toldOfAll) {
      if (report instanceof KafkaError || report.offset < 0 || this.#losses.isLossy[report.partition]) continue;
      if (logs[report.partition]![report.offset] === undefined) throw new Error("what was acknowledged is not there");
    }
    if (this.#plan.producer.acks === 0) return;
    for (const [number, outcome] of this.#outcomes) {
      if (typeof outcome !== "string" && "offset" in outcome && !(outcome instanceof KafkaError)) {
        if (outcome.offset < 0) throw new Error(`message ${number} has no offset`);
      }
    }
  }

  /** What was acknowledged stands in the order in which it was handed over; the first copy counts. */
  #checkOrder(logs: readonly (readonly string[])[]): void {
    if (this.#plan.producer.acks === 0) return;
    const acknowledged = new Set<number>();
    for (const report of this.#toldOfAll) {
      if (report instanceof KafkaError || this.#losses.isLossy[report.partition]) continue;
      acknowledged.add(numberOf(logs[report.partition]![report.offset]!));
    }
    logs.forEach((log, partition) => {
      let before = -1;
      const seen = new Set<number>();
      for (const text of log) {
        const number = numberOf(text);
        if (Number.isNaN(number) || seen.has(number)) continue;
        seen.add(number);
        if (!acknowledged.has(number)) continue;
        if (number < before) throw new Error(`partition ${partition} has message ${number} behind ${before}`);
        before = number;
      }
    });
  }

  /** A message is there once, or without a sequence no more often than it was sent. */
  #checkDuplicates(logs: readonly (readonly string[])[], wire: Wire): void {
    const copies = new Map<number, number>();
    for (const number of logs.flat().map(numberOf)) copies.set(number, (copies.get(number) ?? 0) + 1);
    for (const [number, count] of copies) {
      const tries = wire.tries.get(number)!;
      if (count > (wire.isNumbered(number) ? 1 : tries)) {
        throw new Error(`message ${number} was sent ${tries} times, and is there ${count} times`);
      }
    }
  }

  /** Each offset once, in order, from 0 on or from where it went, with what is there. */
  #checkSeen(
    who: string,
    logs: readonly (readonly string[])[],
    seen: readonly Seen[],
    atLeast: readonly number[],
    atMost: readonly number[] = atLeast,
  ): void {
    logs.forEach((log, partition) => {
      if (this.#losses.isUnclean[partition]) return;
      const own = seen.filter((message) => message.partition === partition);
      let next = 0;
      for (const { offset, text } of own) {
        if (text === undefined) {
          next = offset;
          continue;
        }
        equal(offset, next, `offset that ${who} saw in partition ${partition}`);
        equal(text, log[offset], `what ${who} saw in partition ${partition} at ${offset}`);
        next++;
      }
      if (next < atLeast[partition]! || next > atMost[partition]!) {
        const ends = `${atLeast[partition]} to ${atMost[partition]}`;
        throw new Error(`${who} saw partition ${partition} up to ${next}, which ended at ${ends}`);
      }
    });
  }

  #message(number: number) {
    const call = this.#plan.calls.find(({ first, messages }) => number >= first && number < first + messages.length)!;
    return call.messages[number - call.first]!;
  }
}

/** What a producer may tell in bad weather: nobody could be reached in time, the caller took it back, or a clock was wrong (for its own message, or one beside it). */
function isExpected({ code }: KafkaError): boolean {
  return ["DELIVERY_TIMEOUT", "CLOSED", "INVALID_TIMESTAMP", "BATCH_REFUSED"].includes(code);
}
