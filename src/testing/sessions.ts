/** When the controller misses a broker: at once if it ended, or after it has not been heard of for a while. */

import type { Bus } from "./bus.ts";
import { CONTROLLER } from "./bus.ts";
import type { Controller, Listener } from "./controller.ts";

/** The brokers' sessions with the controller (`broker.session.timeout.ms`, `zookeeper.session.timeout.ms`). */
export class Sessions {
  readonly #bus: Bus;
  readonly #controller: Controller;
  readonly #timeoutMs: number;

  constructor(bus: Bus, controller: Controller, timeoutMs: number) {
    this.#bus = bus;
    this.#controller = controller;
    this.#timeoutMs = timeoutMs;
  }

  /** A broker has ended: it is missed now, or like any that falls silent. */
  ended(life: Listener, isSilent: boolean): void {
    if (isSilent && this.#timeoutMs > 0) {
      this.#bus.later(this.#controller, this.#timeoutMs, () => this.#controller.brokerDown(life));
    } else this.#controller.brokerDown(life);
  }

  /** A broker has fallen silent. If it stays so, it is missed; when it can speak again, it says that it is there. */
  silent(life: Listener, isSilent: () => boolean): void {
    this.#bus.later(this.#controller, this.#timeoutMs, () => {
      if (!isSilent()) return;
      this.#controller.brokerDown(life);
      this.#bus.post(CONTROLLER, life, "word", () => {
        this.#bus.post(life.id, this.#controller, "word", () => this.#controller.brokerBack(life));
      });
    });
  }
}
