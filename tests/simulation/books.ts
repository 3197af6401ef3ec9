/** What the producers of a run were told of each message, and whether the logs agree: the oracle of the producers' scenario. */

import { KafkaError } from "../../src/base/errors.ts";
import type { DeliveryReport } from "../../src/producer/call.ts";
import { hashText } from "../../src/testing/chance.ts";
import { numberOf, ownerOf } from "./numbers.ts";
import type { PlannedProducer } from "./producing_plan.ts";

/** What became of a message, as its caller was told; "aborted": it was taken back, perhaps too late. */
type Outcome = DeliveryReport | "aborted" | "enqueued";

/** One life of a partition: a topic that is deleted and made again has several. */
export interface PartitionLife {
  readonly place: string;
  /** Its messages' values by offset, those too that retention has taken. */
  readonly values: ReadonlyMap<number, string>;
  /** How often something may have been lost that was acknowledged: to those who wait for all, by an unclean election; to those who wait for the leader, by any. */
  readonly losses: { readonly all: number; readonly leader: number };
  /** How often it forgot its producers. */
  readonly forgotten: number;
}

/** What went out on the wire. */
export interface Wire {
  /** How often each message went out. */
  readonly tries: ReadonlyMap<number, number>;
  /** Whether each try had a sequence: brokers take what has one only once. */
  isNumbered(number: number): boolean;
}

/** The books of one run. Everything that is wrong throws. */
export class Books {
  readonly #producers: readonly PlannedProducer[];
  readonly #isExpected: (error: KafkaError) => boolean;
  readonly #outcomes = new Map<number, Outcome>();
  /** What `onDelivery` was told, by producer. */
  readonly #told: DeliveryReport[][];
  /** What the interceptors were told of each message. */
  readonly #reports = new Map<number, DeliveryReport>();
  /** The messages that have a call of their own; those of a list are told of when all of it has its end. */
  readonly #singles = new Set<number>();
  /** The number that was told of last, by producer and partition: to promises, and to interceptors. */
  readonly #lastOf = { settled: new Map<string, number>(), intercepted: new Map<string, number>() };
  readonly #dead = new Set<number>();

  constructor(producers: readonly PlannedProducer[], isExpected: (error: KafkaError) => boolean) {
    this.#producers = producers;
    this.#isExpected = isExpected;
    this.#told = producers.map(() => []);
    for (const { calls } of producers) for (const { first, single } of calls) if (single) this.#singles.add(first);
  }

  /** A producer has died; nobody is told anything of its messages any more. */
  died(producer: number): void {
    this.#dead.add(producer);
  }

  /** What a call was told of a message; each only once. */
  settled(number: number, outcome: Outcome): void {
    if (this.#outcomes.has(number)) throw new Error(`message ${number} was settled twice`);
    this.#outcomes.set(number, outcome);
    if (typeof outcome === "string") return;
    this.#expect(outcome, `message ${number}`);
    this.#isInTurn("settled", number, outcome);
  }

  /** What `onDelivery` was told. */
  told(producer: number, report: DeliveryReport): void {
    this.#told[producer]!.push(report);
    this.#expect(report, `a message of producer ${producer}`);
  }

  /** What an interceptor was told. */
  intercepted(number: number, report: DeliveryReport): void {
    if (this.#reports.has(number)) throw new Error(`message ${number} was told of twice`);
    this.#reports.set(number, report);
    this.#isInTurn("intercepted", number, report);
  }

  /** Compares with what is there, and what went over the wire. */
  check(lives: readonly PartitionLife[], wire: Wire): void {
    this.#checkComplete();
    const reports = new Map<number, DeliveryReport>(this.#reports);
    for (const [number, outcome] of this.#outcomes) if (typeof outcome !== "string") reports.set(number, outcome);
    const copies = lives.map((life) => placesOf(life));
    for (const [number, report] of reports) this.#checkReport(number, report, lives, copies);
    this.#checkTold(lives);
    const acknowledged = this.#acknowledged(reports, lives);
    lives.forEach((life, nth) => {
      this.#checkCopies(life, copies[nth]!, wire);
      this.#checkOrder(life, acknowledged.get(life)!);
    });
  }

  /** Puts the end into the hash. */
  trace(lives: readonly PartitionLife[], trace: (label: number, value: number) => void): void {
    for (const { place, values } of lives) {
      for (const [offset, text] of values) trace(hashText(place, offset), hashText(text));
    }
    for (const [number, outcome] of this.#outcomes) {
      const words = typeof outcome === "string"
        ? outcome
        : outcome instanceof KafkaError
        ? `${outcome.code} ${outcome.persisted}`
        : `${outcome.topic} ${outcome.partition} ${outcome.offset}`;
      trace(number, hashText(words));
    }
  }

  #expect(report: DeliveryReport, what: string): void {
    if (report instanceof KafkaError && !this.#isExpected(report)) {
      throw new Error(`${what} failed without a cause for it: ${report.code}: ${report.message}`, { cause: report });
    }
  }

  /** In each partition ends are told in the order in which messages were handed over. */
  #isInTurn(who: "settled" | "intercepted", number: number, { topic, partition }: DeliveryReport): void {
    if (partition === undefined || !this.#singles.has(number)) return;
    const lane = `${ownerOf(number)} ${topic}/${partition}`;
    const last = this.#lastOf[who].get(lane) ?? -1;
    if (number < last) throw new Error(`${lane}: message ${number} was told of behind ${last}`);
    this.#lastOf[who].set(lane, number);
  }

  /** Every message has its one end. */
  #checkComplete(): void {
    this.#producers.forEach(({ calls, isIntercepted }, nth) => {
      if (this.#dead.has(nth)) return;
      for (const { first, messages, abortMs, way } of calls) {
        for (const number of messages.keys()) {
          const outcome = this.#outcomes.get(first + number);
          if (outcome === undefined) throw new Error(`message ${first + number} was never settled`);
          const isTaken = abortMs !== 0 && !(outcome instanceof KafkaError && outcome.code === "CLOSED");
          if (isIntercepted && isTaken && !this.#reports.has(first + number)) {
            throw new Error(`nobody was told of message ${first + number}, which was handed over by ${way}`);
          }
        }
      }
    });
  }

  #checkReport(
    number: number,
    report: DeliveryReport,
    lives: readonly PartitionLife[],
    copies: readonly ReadonlyMap<number, number[]>[],
  ): void {
    if (report instanceof KafkaError) {
      if (report.persisted === "no" && copies.some((it) => it.has(number))) {
        throw new Error(`message ${number} is in the log, and was said not to be: ${report.message}`);
      }
      return;
    }
    const { topic, partition, offset } = report;
    const { acks } = this.#producers[ownerOf(number)]!.options;
    if (acks === 0) return;
    const place = `${topic}/${partition}`;
    const own = lives.filter((life) => life.place === place);
    const isThere = own.some(({ values }) => {
      if (offset >= 0) return numberOf(values.get(offset) ?? "none") === number;
      return [...values.values()].some((text) => numberOf(text) === number);
    });
    if (isThere || own.some((life) => this.#mayBeLost(life, ownerOf(number)))) return;
    throw new Error(`message ${number} was acknowledged at ${place} ${offset}, and is not there`);
  }

  /** Whether what was acknowledged to a producer may be gone. */
  #mayBeLost({ losses }: PartitionLife, producer: number): boolean {
    return (this.#producers[producer]!.options.acks === "all" ? losses.all : losses.leader) > 0;
  }

  /** Each place is acknowledged once. */
  #checkTold(lives: readonly PartitionLife[]): void {
    const places = lives.map(({ place }) => place);
    const taken = new Set<string>();
    for (const report of this.#told.flat()) {
      if (report instanceof KafkaError || report.offset < 0) continue;
      const place = `${report.topic}/${report.partition}`;
      // Another life has the same offsets again, and so has what was lost.
      if (lives.some((life) => life.place === place && life.losses.leader > 0)) continue;
      if (places.indexOf(place) !== places.lastIndexOf(place)) continue;
      if (taken.has(`${place} ${report.offset}`)) throw new Error(`${place} ${report.offset} was acknowledged twice`);
      taken.add(`${place} ${report.offset}`);
    }
  }

  /** A message is there once; without a sequence, no more often than it went out. */
  #checkCopies({ place, forgotten }: PartitionLife, copies: ReadonlyMap<number, number[]>, wire: Wire): void {
    for (const [number, offsets] of copies) {
      const tries = wire.tries.get(number) ?? Infinity; // nobody watches what is not acknowledged
      const most = wire.isNumbered(number) ? Math.min(tries, 1 + forgotten) : tries;
      if (offsets.length > most) {
        throw new Error(
          `${place}: message ${number} is there ${offsets.length} times, at ${
            offsets.join(", ")
          }; it went out ${tries} times`,
        );
      }
    }
  }

  /** For each life, the messages in it that somebody was told of as written: by their numbers, or, what was enqueued, by its place alone. */
  #acknowledged(
    reports: ReadonlyMap<number, DeliveryReport>,
    lives: readonly PartitionLife[],
  ): ReadonlyMap<PartitionLife, ReadonlySet<number>> {
    const numbers = new Map(lives.map((life) => [life, new Set<number>()]));
    const add = (report: DeliveryReport, isIt: (number: number, life: PartitionLife) => boolean) => {
      if (report instanceof KafkaError) return;
      const place = `${report.topic}/${report.partition}`;
      const its = lives.flatMap((life) => {
        const number = numberOf(life.place === place ? life.values.get(report.offset) ?? "none" : "none");
        return isIt(number, life) ? [{ number, life }] : [];
      });
      // Where several lives have the same offset, nobody can tell which was meant.
      if (its.length === 1) numbers.get(its[0]!.life)!.add(its[0]!.number);
    };
    for (const [number, report] of reports) add(report, (found) => found === number);
    this.#told.forEach((some, producer) => {
      // Where it was lost, another has its place.
      for (const report of some) add(report, (found, life) => found >= 0 && !this.#mayBeLost(life, producer));
    });
    return numbers;
  }

  /** What was acknowledged to a producer stands in the order in which it was handed over; first copies count. What nobody knows the end of may come late. */
  #checkOrder({ place, values, losses }: PartitionLife, acknowledged: ReadonlySet<number>): void {
    // What was lost may have come again behind what came after it.
    if (losses.all > 0) return;
    const last = new Map<number, number>();
    const seen = new Set<number>();
    for (const text of values.values()) {
      const number = numberOf(text);
      const owner = ownerOf(number);
      if (this.#producers[owner]!.options.acks === 0 || seen.has(number)) continue;
      seen.add(number);
      if (!acknowledged.has(number)) continue;
      const before = last.get(owner) ?? -1;
      if (number < before) throw new Error(`${place} has message ${number} behind ${before}`);
      last.set(owner, number);
    }
  }
}

function placesOf({ values }: PartitionLife): Map<number, number[]> {
  const places = new Map<number, number[]>();
  for (const [offset, text] of values) {
    const number = numberOf(text);
    const own = places.get(number);
    if (own) own.push(offset);
    else places.set(number, [offset]);
  }
  return places;
}
