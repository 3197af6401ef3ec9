/** What waiting code is made of: deadlines that join a signal, gates that wake whoever waits, budgets that bound what is held. */

import type { Deferred, Timer, World } from "./world.ts";

/** A deadline and a caller's signal as one signal. Cancel it when the work is over, or its timer stays. */
export class Deadline {
  /** Aborts when the time is up, with the error that was asked for, or when the caller aborts, with the caller's reason. */
  readonly signal: AbortSignal;
  readonly #world: World;
  readonly #endsAt: number;
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #timer: Timer | undefined;
  readonly #onParent: (() => void) | undefined;

  /** Ends in `ms` milliseconds (`Infinity`: never by itself); `expired` makes the error when it does. */
  constructor(world: World, ms: number, parent: AbortSignal | undefined, expired: () => unknown) {
    this.#world = world;
    this.#endsAt = world.now() + ms;
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

  /** Milliseconds that are left; never negative. */
  get remainingMs(): number {
    return Math.max(0, this.#endsAt - this.#world.now());
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

/** Waits for work that somebody else owns: an abort ends the wait, not the work. */
export function abortable<T>(
  world: World,
  name: string,
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work;
  const wait = world.deferred<T>(name);
  const abort = () => wait.reject(signal.reason);
  const over = () => signal.removeEventListener("abort", abort);
  work.then((value) => {
    over();
    wait.resolve(value);
  }, (error) => {
    over();
    wait.reject(error);
  });
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
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
    if (signal) this.#leaveOnAbort(wait, signal);
    return wait.promise;
  }

  /** Wakes everyone who waits now. */
  open(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wait of waiting) wait.resolve();
  }

  #leaveOnAbort(wait: Deferred<void>, signal: AbortSignal): void {
    const abort = () => {
      this.#waiting.delete(wait);
      wait.reject(signal.reason);
    };
    const over = () => signal.removeEventListener("abort", abort);
    wait.promise.then(over, over);
    signal.addEventListener("abort", abort, { once: true });
  }
}

interface Place {
  readonly bytes: number;
  readonly wait: Deferred<void>;
  readonly signal: AbortSignal | undefined;
}

/** So many bytes may be held at a time; who wants more waits in line. */
export class Budget {
  readonly #world: World;
  readonly #name: string;
  readonly #limit: number;
  readonly #line = new Set<Place>();
  #held = 0;
  #failure: { readonly error: unknown } | undefined;

  /** At most `limit` bytes at a time; but one request is always let in when nothing is held, whatever its size. */
  constructor(world: World, name: string, limit: number) {
    this.#world = world;
    this.#name = name;
    this.#limit = limit;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /** Takes the bytes if there is room, nobody waits for room already, and it has not failed. */
  tryTake(bytes: number): boolean {
    if (this.#failure || this.#line.size > 0 || !this.#fits(bytes)) return false;
    this.#held += bytes;
    return true;
  }

  /** Waits, in order of the calls, until the bytes fit, and takes them; an abort leaves the line and takes nothing. */
  take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#failure) return Promise.reject(this.#failure.error);
    if (this.tryTake(bytes)) return Promise.resolve();
    const place: Place = { bytes, wait: this.#world.deferred<void>(this.#name), signal };
    this.#line.add(place);
    if (!signal) return place.wait.promise;
    const abort = () => {
      if (!this.#line.delete(place)) return;
      place.wait.reject(signal.reason);
      this.#admit();
    };
    const over = () => signal.removeEventListener("abort", abort);
    place.wait.promise.then(over, over);
    signal.addEventListener("abort", abort, { once: true });
    return place.wait.promise;
  }

  /** Gives bytes back. */
  give(bytes: number): void {
    this.#held -= bytes;
    this.#admit();
  }

  /** Rejects everyone who waits, and whoever will: nothing is given out any more. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    const line = [...this.#line];
    this.#line.clear();
    for (const { wait } of line) wait.reject(error);
  }

  #admit(): void {
    for (const place of this.#line) {
      if (place.signal?.aborted) continue; // one signal may end several waits: this one's turn to hear of it comes
      if (!this.#fits(place.bytes)) return;
      this.#held += place.bytes;
      this.#line.delete(place);
      place.wait.resolve();
    }
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#limit;
  }
}
