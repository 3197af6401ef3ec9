/** An application to be tested: it pays orders that come out of Kafka, each once, however often it comes. It takes its time from a world. */

import { type Message, realWorld, type World } from "@samsa/kafka";

/** The shop sends an order again within a minute until it is done with it: what has not come for longer does not come again. */
const FORGET_AFTER_MS = 120_000;

/** What has come not long ago. */
export class Recent {
  /** When each came, the oldest first. */
  readonly cameAt: Map<string, number> = new Map();

  /** Whether this one has come lately; from now on it has. */
  hasCome(what: string, now: number): boolean {
    this.forget(now);
    // Taken out first, so that it stands last: it has come just now, and is not forgotten before its time.
    const has = this.cameAt.delete(what);
    this.cameAt.set(what, now);
    return has;
  }

  /** Keeps the memory small. */
  forget(now: number): void {
    for (const [what, at] of this.cameAt) {
      if (now - at <= FORGET_AFTER_MS) return;
      this.cameAt.delete(what);
    }
  }
}

/** The application. */
export class Payments {
  readonly #pay: (order: string) => void;
  readonly #world: World;
  readonly #recent: Recent;

  /** Pays by `pay`. Time is the platform's if no other is given. */
  constructor(pay: (order: string) => void, world: World = realWorld, recent: Recent = new Recent()) {
    this.#pay = pay;
    this.#world = world;
    this.#recent = recent;
  }

  /** Pays what comes, until nothing comes any more. */
  async run(orders: AsyncIterable<Message>): Promise<void> {
    for await (const message of orders) {
      const order = message.text() ?? "";
      if (!this.#recent.hasCome(order, this.#world.now())) this.#pay(order);
    }
  }
}
