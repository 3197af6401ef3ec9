/** The user of the producer: hands over what was planned, and writes down what it is told. */

import { KafkaError } from "../../src/base/errors.ts";
import type { DeliveryReport } from "../../src/producer/call.ts";
import type { Delivery, ProducerMessage } from "../../src/producer/message.ts";
import type { Producer } from "../../src/producer/producer.ts";
import { kindOfHappening, type Process } from "../../src/testing/world.ts";
import type { PlannedCall } from "./plan.ts";

const ABORT = kindOfHappening("abort");

/** Why a caller aborts. One for all: an abort without a reason makes an error with a stack each time. */
const TAKEN_BACK = { name: "taken back" };

/** Where a writer writes down what it is told. */
export interface Books {
  /** What a call was told of a message; each only once. */
  settled(number: number, outcome: DeliveryReport | "aborted" | "enqueued"): void;
}

/** What a writer works with. */
export interface WriterParts {
  /** In whose time it makes its calls. */
  readonly user: Process;
  readonly calls: readonly PlannedCall[];
  readonly books: Books;
  readonly producer: Producer;
}

/** Runs the calls of a plan. */
export class Writer {
  readonly #parts: WriterParts;
  readonly #forgotten: Promise<void>[] = [];

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Makes every call. */
  async run(): Promise<void> {
    const { user, calls, producer } = this.#parts;
    for (const call of calls) {
      if (call.pauseMs > 0) await user.sleep(call.pauseMs);
      await this.#hand(call);
      if (call.flush) await this.#ends(producer.flush());
    }
  }

  /** Ends the producer; what was not waited for has its end then, too. */
  async close(signal?: AbortSignal): Promise<void> {
    await this.#ends(this.#parts.producer.close({ signal }));
    await Promise.all(this.#forgotten);
  }

  async #hand(call: PlannedCall): Promise<void> {
    const signal = this.#signalOf(call);
    const input = call.single ? call.messages[0]! : call.messages;
    if (call.way === "enqueue") {
      return await this.#enqueue(call, input, signal);
    }
    const end = this.#told(call, this.#parts.producer.produce(input as readonly [], { signal }));
    if (call.way === "await") await end;
    else this.#forgotten.push(end);
  }

  async #enqueue(
    call: PlannedCall,
    input: ProducerMessage | readonly ProducerMessage[],
    signal: AbortSignal | undefined,
  ) {
    const { producer, books } = this.#parts;
    let outcome: KafkaError | "enqueued" = "enqueued";
    let room: Promise<void> | undefined;
    try {
      room = producer.enqueue(input, { signal });
    } catch (error) {
      if (error instanceof KafkaError) outcome = error;
      else this.#expectTakenBack(error);
    }
    for (const nth of call.messages.keys()) books.settled(call.first + nth, outcome);
    await room?.catch((reason) => this.#expectTakenBack(reason));
  }

  async #told(call: PlannedCall, deliveries: Promise<Delivery | Delivery[]>): Promise<void> {
    const { books } = this.#parts;
    try {
      [await deliveries].flat().forEach((delivery, nth) => books.settled(call.first + nth, delivery));
    } catch (error) {
      if (error instanceof KafkaError) {
        // A call that comes too late is refused as a whole.
        const reports = error.reports as readonly DeliveryReport[] | undefined;
        for (const nth of call.messages.keys()) books.settled(call.first + nth, reports?.[nth] ?? error);
      } else {
        this.#expectTakenBack(error);
        for (const nth of call.messages.keys()) books.settled(call.first + nth, "aborted");
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
    const { user } = this.#parts;
    const controller = new AbortController();
    if (abortMs === 0) controller.abort(TAKEN_BACK);
    else user.world.schedule(user, abortMs * 1000, ABORT, () => controller.abort(TAKEN_BACK));
    return controller.signal;
  }
}
