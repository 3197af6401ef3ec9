/**
 * Random programs of async code, one hash over the order of all their marks: engines that give the committed hash run promise
 * jobs in the same order, so one seed of the simulated world has one trace on all of them. A new engine that reorders jobs, or
 * a construct that must stay out of `src`, shows here first.
 *
 * Left out on purpose, because engines differ in them: `p.finally`, `Promise.try`, `Array.fromAsync`, `AbortSignal.any`,
 * `await using`, web streams, a `for await` over an iterable of promises that reject.
 */

// deno-lint-ignore-file require-await -- what an async function without an await does is part of the question

import { assert } from "chai";
import { Chance } from "../../src/testing/chance.ts";
import { test } from "../harness.ts";

const PROGRAMS = 1000;
const EXPECTED = "141522 marks, order ff55cefd";

/** A piece of a program, drawn before anything runs: what is measured must not decide what is run. */
interface Piece {
  readonly construct: keyof typeof constructs;
  /** Its marks are this and the few numbers after it. */
  readonly mark: number;
  /** For the construct to choose by. */
  readonly dice: readonly number[];
  readonly lanes: readonly Piece[][];
}

let order = 0;
let marks = 0;

function mark(what: number): void {
  marks++;
  order = (Math.imul(order ^ what, 0x01000193) + 1) ^ (order >>> 13);
}

class Derived<T> extends Promise<T> {}

function job<T>(value: T): Promise<T> {
  return new Promise((resolve) => queueMicrotask(() => resolve(value)));
}

/** Called late or at once, as the dice say; a thenable costs jobs that a promise does not. */
function thenable(value: unknown, isLate: boolean): unknown {
  return {
    then(resolve: (value: unknown) => void): void {
      mark(1);
      if (isLate) queueMicrotask(() => resolve(value));
      else resolve(value);
    },
  };
}

function rejection(reason: number): Promise<never> {
  const promise = Promise.reject(reason);
  promise.catch(() => mark(2));
  return promise;
}

const awaitables: readonly ((value: number) => unknown)[] = [
  (value) => value,
  (value) => Promise.resolve(value),
  (value) => job(value),
  (value) => thenable(value, false),
  (value) => thenable(thenable(value, true), true),
  (value) => rejection(value),
  (value) => Derived.resolve(value),
  (value) => new Promise((resolve) => resolve(Promise.resolve(value))),
  (value) => (async () => value)(),
  (value) => (async () => job(value))(),
  (value) => Promise.resolve(value).then((again) => thenable(again, false)),
];

function something({ dice }: Piece, nth: number): unknown {
  return awaitables[dice[nth % dice.length]! % awaitables.length]!(nth);
}

function several(piece: Piece): unknown[] {
  return [something(piece, 0), something(piece, 1), something(piece, 2), something(piece, 3)];
}

async function* generated(piece: Piece): AsyncGenerator<number> {
  const [count = 0, habit = 0] = piece.dice;
  try {
    for (let i = 0; i < 1 + count % 4; i++) {
      mark(piece.mark + 1);
      if (habit & 1) await job(i);
      yield habit & 2 ? job(i) as unknown as number : i;
      if (habit & 4 && i === 1) throw new RangeError("drawn");
    }
    if (habit & 8) return job(9) as unknown as number;
  } finally {
    mark(piece.mark + 2);
    if (habit & 16) await undefined;
    mark(piece.mark + 3);
  }
}

async function* delegated(piece: Piece): AsyncGenerator<number> {
  mark(yield* generated(piece));
  for await (const number of generated(piece)) yield number + 1;
}

/** As a listener of ours is: an iterator without a generator. */
function handMade(piece: Piece): AsyncIterable<number> {
  let left = 1 + piece.dice[2]! % 4;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => left-- > 0 ? job({ done: false, value: left }) : Promise.resolve({ done: true, value: undefined }),
      return: async () => {
        mark(piece.mark + 4);
        return { done: true, value: undefined };
      },
    }),
  };
}

async function consume(piece: Piece, source: AsyncIterable<unknown>): Promise<void> {
  outer: for await (const item of source) {
    mark(piece.mark + 5);
    switch (piece.dice[3]! % 6) {
      case 0:
        break outer;
      case 1:
        await job(item);
        continue;
      case 2:
        if (item === 1) throw new RangeError("drawn");
    }
  }
}

/** One lock for a program: who comes first goes first. */
function lock(): (body: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (body) => {
    const mine = last.then(body);
    last = mine.then(() => {}, () => {});
    return mine;
  };
}

let locked = lock();

const constructs = {
  await: async (piece: Piece) => await something(piece, 0),
  return: (piece: Piece) => (async () => something(piece, 0))(),
  returnAwait: (piece: Piece) => (async () => await something(piece, 0))(),
  deep: (piece: Piece) => {
    const down = async (depth: number): Promise<void> => {
      mark(piece.mark + 6);
      if (depth > 0) return down(depth - 1);
    };
    return down(piece.dice[0]! % 16);
  },
  cleanUp: async (piece: Piece) => {
    try {
      await something(piece, 0);
      throw new RangeError("drawn");
    } catch {
      await something(piece, 1);
    } finally {
      mark(piece.mark + 7);
      await something(piece, 2);
    }
  },
  chain: (piece: Piece) =>
    Promise.resolve(something(piece, 0)).then(() => something(piece, 1), () => something(piece, 2)).catch(() => {
      mark(piece.mark + 8);
      return something(piece, 3);
    }),
  all: (piece: Piece) => Promise.all(several(piece)),
  allSettled: (piece: Piece) => Promise.allSettled(several(piece)),
  any: (piece: Piece) => Promise.any(several(piece)),
  race: (piece: Piece) => Promise.race(several(piece)),
  deferred: async (piece: Piece) => {
    let settle!: (value: unknown) => void;
    const promise = new Promise((resolve) => settle = resolve);
    promise.then(() => mark(piece.mark + 9), () => mark(piece.mark + 10));
    const waiting = (async () => await promise)();
    settle(something(piece, 0));
    await waiting;
  },
  derived: async (piece: Piece) => {
    const derived = new Derived((resolve) => resolve(something(piece, 0)));
    await derived.then((value) => Derived.resolve(value));
  },
  patched: async (piece: Piece) => {
    const promise = job(1);
    const then = promise.then;
    promise.then = function (this: Promise<number>, ...args: unknown[]): never {
      mark(piece.mark + 11);
      return Reflect.apply(then, this, args) as never;
    } as typeof then;
    await promise;
  },
  generate: (piece: Piece) => consume(piece, generated(piece)),
  delegate: (piece: Piece) => consume(piece, delegated(piece)),
  iterate: (piece: Piece) => consume(piece, handMade(piece)),
  hurry: async (piece: Piece) => {
    const source = delegated(piece);
    const calls = [source.next(), source.next(), source.throw(piece.mark), source.next(), source.return(3)];
    calls.forEach((call, nth) => call.then(() => mark(piece.mark + nth), () => mark(piece.mark + 12)));
    await Promise.allSettled(calls);
  },
  lock: (piece: Piece) =>
    locked(async () => {
      mark(piece.mark + 13);
      await something(piece, 0);
      mark(piece.mark + 14);
    }),
  abort: async (piece: Piece) => {
    const controller = new AbortController();
    const { signal } = controller;
    signal.addEventListener("abort", () => mark(piece.mark + 15));
    const waiting = new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    queueMicrotask(() => controller.abort(piece.mark));
    await waiting;
  },
  dispatch: async (piece: Piece) => {
    const target = new EventTarget();
    target.addEventListener("event", async () => mark((await job(piece.mark)) + 16));
    target.addEventListener("event", () => mark(piece.mark + 17));
    target.dispatchEvent(new Event("event"));
    await something(piece, 0);
  },
  clone: async (piece: Piece) => await job(structuredClone({ mark: piece.mark })),
  fork: (piece: Piece) => Promise.all(piece.lanes.map(run)),
  spawn: async (piece: Piece) => {
    const lanes = piece.lanes.map(run);
    await something(piece, 0);
    for (const lane of lanes) await lane;
  },
} as const satisfies Record<string, (piece: Piece) => Promise<unknown>>;

async function run(pieces: readonly Piece[]): Promise<void> {
  for (const piece of pieces) {
    mark(piece.mark);
    try {
      await constructs[piece.construct](piece);
      mark(piece.mark + 18);
    } catch {
      mark(piece.mark + 19);
    }
  }
}

const names = Object.keys(constructs) as (keyof typeof constructs)[];

function draw(chance: Chance, depth: number): Piece[] {
  return Array.from({ length: 1 + chance.below(depth === 0 ? 8 : 4) }, () => {
    const construct = chance.pick(names);
    const branches = depth < 3 && (construct === "fork" || construct === "spawn") ? 1 + chance.below(4) : 0;
    return {
      construct,
      mark: 20 * (1 + chance.below(1000)),
      dice: Array.from({ length: 4 }, () => chance.below(660)),
      lanes: Array.from({ length: branches }, () => draw(chance, depth + 1)),
    };
  });
}

test("promise jobs run in the order that they run in on every other engine", async () => {
  order = marks = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const chance = new Chance(seed, "order");
    locked = lock();
    await Promise.all(Array.from({ length: 2 + chance.below(4) }, () => run(draw(chance, 0))));
  }
  assert.equal(`${marks} marks, order ${(order >>> 0).toString(16)}`, EXPECTED);
});
