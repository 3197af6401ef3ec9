/** Time, chance and waiting: the only file that asks the platform for any of them, so that a simulated world can take their place. */

/** A timer that has not fired yet. */
export interface Timer {
  /** Forgets the timer; nothing happens when it has fired already. */
  cancel(): void;
}

/** A promise that is settled by hand. */
export interface Deferred<T> {
  /** What is waited for. */
  readonly promise: Promise<T>;
  /** Fulfils the promise; later calls change nothing. */
  resolve(value: T): void;
  /** Rejects the promise; later calls change nothing. */
  reject(error: unknown): void;
}

/**
 * Everything that a client takes from its surroundings besides bytes. In production it is {@linkcode realWorld}; in a
 * simulation every part of it is decided by a seed.
 */
export interface World {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  now(): number;
  /** Milliseconds since 1970, as the machine believes; it may jump. */
  wall(): number;
  /** A number from 0 up to, but without, 1. */
  random(): number;
  /** `count` unpredictable bytes. */
  entropy(count: number): Uint8Array;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fire` after `ms` milliseconds, from 0, unless it is cancelled before. */
  timer(ms: number, fire: () => void): Timer;
  /** A promise to be settled by hand. The name says what is waited for; a simulation reports it in a deadlock. */
  deferred<T>(name: string): Deferred<T>;
  /** Starts a background loop, which has to handle its own failures; whoever started it waits for its end when closing. */
  task(name: string, body: () => Promise<void>): Promise<void>;
  /** Runs what the platform does on threads of its own (WebCrypto, an asynchronous codec). */
  outside<T>(work: () => Promise<T>): Promise<T>;
}

/** The longest delay that every platform's timer takes; a longer one would fire at once. */
const TIMER_MS_MAX = 0x7fffffff;

/** The world as the platform gives it. */
export const realWorld: World = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  entropy: (count) => crypto.getRandomValues(new Uint8Array(count)),
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timeout);
        reject(signal!.reason);
      };
      const timeout = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, Math.min(ms, TIMER_MS_MAX));
      signal?.addEventListener("abort", abort, { once: true });
    });
  },
  timer(ms, fire) {
    const timeout = setTimeout(fire, Math.min(ms, TIMER_MS_MAX));
    return { cancel: () => clearTimeout(timeout) };
  },
  deferred<T>(_name: string): Deferred<T> {
    let resolve!: (value: T) => void;
    let reject!: (error: unknown) => void;
    const promise = new Promise<T>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    return { promise, resolve, reject };
  },
  task: (_name, body) => body(),
  outside: (work) => work(),
};
