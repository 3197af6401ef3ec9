/** The user of the producer: hands over what was planned, and writes down what it is told. */

import { KafkaError } from "../../src/base/errors.ts";
import type { Topic } from "../../src/client/topic.ts";
import type { Delivery } from "../../src/producer/message.ts";
import type { Producer } from "../../src/producer/producer.ts";
import { kindOfHappening, type Process } from "../../src/testing/world.ts";
import type { Ledger } from "./ledger.ts";
import type { Plan, PlannedCall } from "./plan.ts";

const ABORT = kindOfHappening("abort");

/** Why a caller aborts. One for all: an abort without a reason makes an error with a stack each time. */
const TAKEN_BACK = { name: "taken back" };

/** Runs the calls of a plan. */
export class Writer {
  readonly #referee: Process;
  readonly #plan: Plan;
  readonly #ledger: Ledger;
  readonly #producer: Producer;
  readonly #forgotten: Promise<void>[] = [];

  constructor(referee: Process, plan: Plan, ledger: Ledger, topic: Topic) {
    this.#referee = referee;
    this.#plan = plan;
    this.#ledger = ledger;
    this.#producer = topic.producer({ ...plan.producer, onDelivery: (report) => ledger.told(report) });
  }

  /** Makes every call, and closes the producer. */
  async run(): Promise<void> {
    for (const call of this.#plan.calls) {
      if (call.pauseMs > 0) await this.#referee.sleep(call.pauseMs);
      await this.#hand(call);
      if (call.flush) await this.#ends(this.#producer.flush());
    }
    await this.#ends(this.#producer.close());
    await Promise.all(this.#forgotten);
  }

  async #hand(call: PlannedCall): Promise<void> {
    const signal = this.#signalOf(call);
    const input = call.single ? call.messages[0]! : call.messages;
    if (call.way === "enqueue") {
      for (const nth of call.messages.keys()) this.#ledger.settled(call.first + nth, "enqueued");
      try {
        await this.#producer.enqueue(input, { signal });
      } catch (reason) {
        this.#expectTakenBack(reason);
      }
      return;
    }
    const end = this.#told(call, this.#producer.produce(input as readonly [], { signal }));
    if (call.way === "await") await end;
    else this.#forgotten.push(end);
  }

  async #told(call: PlannedCall, deliveries: Promise<Delivery | Delivery[]>): Promise<void> {
    try {
      [await deliveries].flat().forEach((delivery, nth) => this.#ledger.settled(call.first + nth, delivery));
    } catch (error) {
      if (error instanceof KafkaError) {
        const reports = (call.single ? [error] : error.reports) as (Delivery | KafkaError)[];
        reports.forEach((report, nth) => this.#ledger.settled(call.first + nth, report));
      } else {
        this.#expectTakenBack(error);
        for (const nth of call.messages.keys()) this.#ledger.settled(call.first + nth, "aborted");
      }
    }
  }

  /** A flush or a close throws what became of what was enqueued. */
  async #ends(end: Promise<void>): Promise<void> {
    try {
      await end;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  }

  #expectTakenBack(reason: unknown): void {
    if (reason !== TAKEN_BACK) throw reason;
  }

  #signalOf({ abortMs }: PlannedCall): AbortSignal | undefined {
    if (abortMs === undefined) return undefined;
    const controller = new AbortController();
    if (abortMs === 0) controller.abort(TAKEN_BACK);
    else this.#referee.world.schedule(this.#referee, abortMs * 1000, ABORT, () => controller.abort(TAKEN_BACK));
    return controller.signal;
  }
}
