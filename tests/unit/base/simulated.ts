/** A made-up world for a test: hours take no time, and whatever is left over at the end fails the test. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { type Process, SimulatedWorld } from "../../../src/testing/world.ts";

/** Runs a test's body in a process of a world of its own, and gives how many milliseconds went by there. */
export async function simulated(body: (world: Process) => Promise<void>, seed = 1): Promise<number> {
  const world = new SimulatedWorld(seed);
  const report = await world.run(() => body(world.process("test")));
  if (world.cause !== undefined) throw world.cause;
  assert.isUndefined(report.failure, report.failure);
  return report.virtualMs;
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`It was expected to reject, and gave ${JSON.stringify(value)}`);
}

/** The `KafkaError` that a promise rejects with; its code has to be this one. */
export async function failure(promise: Promise<unknown>, code: string): Promise<KafkaError> {
  const error = await rejection(promise);
  if (!(error instanceof KafkaError)) throw error;
  assert.equal(error.code, code, error.message);
  return error;
}

/** A signal that counts who listens to it. */
export class CountedSignal {
  readonly controller: AbortController = new AbortController();
  readonly signal: AbortSignal = this.controller.signal;
  listeners = 0;

  constructor() {
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    const known = new Set<unknown>();
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      known.add(args[1]);
      this.listeners = known.size;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      known.delete(args[1]);
      this.listeners = known.size;
      remove(...args);
    };
  }
}
