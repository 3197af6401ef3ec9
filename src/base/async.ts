/** What waiting code is made of: deadlines that join a signal, gates that wake whoever waits, budgets that bound what is held. */

import type { Deferred, Timer, World } from "./world.ts";

/** A deadline and a caller's signal as one signal. Cancel it when the work is over, or its timer stays. */
export class Deadline {
  /** Aborts when the time is up, with the error that was asked for, or when the caller aborts, with the caller's reason. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #timer: Timer | undefined;
  readonly #onParent: (() => void) | undefined;

  /** Ends in `ms` milliseconds (`Infinity`: never by itself); `expired` makes the error when it does. */
  constructor(world: World, ms: number, parent: AbortSignal | undefined, expired: () => unknown) {
    this.signal = this.#controller.signal;
    if (parent?.aborted) {
      this.#controller.abort(parent.reason);
      return;
    }
    if (ms !== Infinity) this.#timer = world.timer(ms, () => this.#controller.abort(expired()));
    if (parent) {
      this.#parent = parent;
      this.#onParent = () => this.#controller.abort(parent.reason);
      parent.addEventListener("abort", this.#onParent, { once: true });
    }
  }

  /** Ends it before its time, for a reason of its own. */
  end(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Lets go of the timer and of the caller's signal. */
  cancel(): void {
    this.#timer?.cancel();
    if (this.#onParent) this.#parent!.removeEventListener("abort", this.#onParent);
  }
}

/** Runs `body` under a deadline that joins the caller's signal, and lets go of both when it is over. */
export async function withDeadline<T>(
  world: World,
  ms: number,
  parent: AbortSignal | undefined,
  expired: () => unknown,
  body: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(world, ms, parent, expired);
  try {
    deadline.signal.throwIfAborted();
    return await body(deadline);
  } finally {
    deadline.cancel();
  }
}

/** Calls `abort` if the signal aborts before `wait` has settled; afterwards the signal holds nothing of it. */
export function onAbort(signal: AbortSignal, wait: Promise<unknown>, abort: () => void): void {
  const over = () => signal.removeEventListener("abort", abort);
  wait.then(over, over);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
}

/** Waits for work that somebody else owns: an abort ends the wait, not the work. */
export function abortable<T>(
  world: World,
  name: string,
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work;
  const wait = world.deferred<T>(name);
  work.then(wait.resolve, wait.reject);
  onAbort(signal, wait.promise, () => wait.reject(signal.reason));
  return wait.promise;
}

/**
 * Wakes all who wait. Look at the condition and call `wait` in one go, without an `await` between: then no wake-up is
 * lost. Look again after waking: the condition may have changed back.
 */
export class Gate {
  readonly #world: World;
  readonly #name: string;
  readonly #waiting = new Set<Deferred<void>>();

  /** The name says what is waited for. */
  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  /** Resolves at the next `open()`; rejects with the signal's reason. */
  wait(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const wait = this.#world.deferred<void>(this.#name);
    this.#waiting.add(wait);
    if (signal) {
      onAbort(signal, wait.promise, () => {
        this.#waiting.delete(wait);
        wait.reject(signal.reason);
      });
    }
    return wait.promise;
  }

  /** Wakes everyone who waits now. */
  open(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wait of waiting) wait.resolve();
  }
}

/** So many bytes may be held at a time. Who finds no room waits as suits it, and looks again when something was given back. */
export class Budget {
  readonly #limit: number;
  #held = 0;

  /** At most `limit` bytes at a time; but one request is always let in when nothing is held, whatever its size. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /** Takes the bytes, if there is room. */
  tryTake(bytes: number): boolean {
    if (this.#held > 0 && this.#held + bytes > this.#limit) return false;
    this.#held += bytes;
    return true;
  }

  /** Gives bytes back. */
  give(bytes: number): void {
    this.#held -= bytes;
  }
}
