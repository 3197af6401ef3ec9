/** A world made up from one seed: its clock, its processes, what will happen, and a hash of all that did. */

import type { Deferred, Timer, World } from "../base/world.ts";
import { Chance, hashText } from "./chance.ts";
import { type Entry, Heap } from "./heap.ts";
import { forbidReality, realNow } from "./reality.ts";
import { turns } from "./turns.ts";

/** What a run came to. Two runs of one seed are equal in every field, on every runtime. */
export interface Report {
  /** The world's seed. */
  readonly seed: number;
  /** 16 hexadecimal digits over all that happened and all that was asked of the world. */
  readonly hash: string;
  /** How many things happened. */
  readonly steps: number;
  /** How long it took on the world's own clock, in milliseconds. */
  readonly virtualMs: number;
  /** What went wrong first, if anything did. */
  readonly failure?: string;
}

/** How a world is made. */
export interface SimulatedWorldOptions {
  /** Keeps every traced thing as a line, so that two runs that part can be compared; off if not said. */
  readonly log?: boolean | undefined;
}

/** A sort of happening or of call; its word goes into the hash, its name into the log. */
export interface Kind {
  /** For people. */
  readonly name: string;
  /** For the hash. */
  readonly word: number;
}

/** Something that will happen to a process. */
export interface Happening extends Entry {
  /** Whose turn it is: a frozen process takes it later, a dead one never. */
  readonly owner: Process;
  /** What it is. */
  readonly kind: Kind;
  /** Does it. */
  readonly fire: () => void;
}

/** Makes a kind. */
export function kindOfHappening(name: string): Kind {
  return { name, word: hashText(name) };
}

const SLEEP = kindOfHappening("sleep");
const TIMER = kindOfHappening("timer");
const OUTSIDE = kindOfHappening("outside");
const MARK = kindOfHappening("mark");

/** The longest delay that a real timer takes. */
const TIMER_MS_MAX = 2_147_483_647;

/** What the wall clocks show when the world begins. */
const WALL_MS_AT_START = 1_700_000_000_000;

/** How long work outside the world may take in real time before it counts as hung. */
const OUTSIDE_REAL_MS_MAX = 20_000;

/** How many idle turns pass between two looks at the real clock. */
const TURNS_A_LOOK = 4096;

/** A seed's world. It runs once; only one runs at a time in a program. */
export class SimulatedWorld {
  /** What everything here follows from. */
  readonly seed: number;
  /** The root of all its chance; take a fork with a label of your own. */
  readonly chance: Chance;
  /** All its processes, dead ones too. */
  readonly processes: Process[] = [];
  /** With `log: true`, a line for each traced thing: microseconds, process, kind, value. */
  readonly log: string[] | undefined;
  /** What was thrown, if the failure came from that; for its stack. */
  cause: unknown;
  readonly #heap = new Heap<Happening>();
  /** In some worlds the clock is coarse: more falls on one instant, and the seed chooses its order. */
  readonly #grain: number;
  /** Deno settles all reads that are ready before any promise job runs, Node and Bun drain after each: some worlds do either. */
  readonly #batches: boolean;
  readonly #names = new Map<string, number>();
  #now = 0;
  #steps = 0;
  #low = 0x243f6a88;
  #high = 0x13198a2e;
  #failure: string | undefined;
  #phase: "new" | "running" | "done" = "new";
  /** Pieces of work outside the world that are under way, and since when, in idle turns and in real time. */
  #outside = 0;
  #idleTurns = 0;
  #outsideSince = 0;

  /** Nothing happens before {@linkcode run}. */
  constructor(seed: number, options: SimulatedWorldOptions = {}) {
    this.seed = seed;
    this.chance = new Chance(seed, "world");
    this.#grain = this.chance.fork("grain").pick([1, 1, 1000, 5000]);
    this.#batches = this.chance.fork("batches").once(2);
    this.log = options.log ? [] : undefined;
  }

  /** Microseconds since the world began: whole numbers, so that sums are exact. */
  get now(): number {
    return this.#now;
  }

  /** What went wrong first, if anything has. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** A new process. The second of a name, a restarted machine say, draws from another stream than the first. */
  process(name: string): Process {
    const nth = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, nth);
    const process = new Process(this, name, this.processes.length, nth === 1 ? name : `${name}#${nth}`);
    this.processes.push(process);
    return process;
  }

  /** Lets something happen to a process `delay` microseconds from now, or a little later: the clock may be coarse. */
  schedule(owner: Process, delay: number, kind: Kind, fire: () => void): Happening {
    const time = this.#onGrain(this.#now + delay);
    const happening: Happening = { time, tie: owner.ties.word(), slot: -1, owner, kind, fire };
    this.#heap.push(happening);
    return happening;
  }

  /** Takes back what has not happened yet. */
  cancel(happening: Happening): void {
    this.#heap.remove(happening);
  }

  /** Puts a mark of yours into the hash; never what engines word or number their own way, such as an error's text or a stack. */
  trace(label: number, value = 0): void {
    this.#mix(label, value);
    this.log?.push(`${this.#now} - ${MARK.name} ${label} ${value}`);
  }

  /** Puts a process' call into the hash; the network's and the clock's way. */
  traceCall(process: Process, kind: Kind, value: number): void {
    this.#mix(kind.word ^ process.word, value);
    this.log?.push(`${this.#now} ${process.name}: ${kind.name} ${value}`);
  }

  /** The first failure is the one that counts; the world stops after this step. A hook for unhandled rejections calls it too. */
  fail(reason: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.cause = cause;
  }

  /** Who waits for what, a line each, in living processes. */
  waits(): string[] {
    return this.processes.flatMap((process) => process.isDead ? [] : process.waits());
  }

  /**
   * Runs `main` and all that it starts, until it is done, or something fails, or nothing can happen any more, or more than
   * `limitMs` virtual milliseconds have gone by. When `main` is done, nothing may be left over. Never rejects for what `main` did.
   */
  async run(main: () => Promise<void>, limitMs = 3_600_000): Promise<Report> {
    if (this.#phase !== "new") throw new Error("A simulated world runs only once");
    const allowReality = forbidReality({
      asked: (name) => this.fail(`${name} was called: a simulated world has its own`),
      unhandled: (reason) => this.fail(`unhandled rejection: ${describe(reason)}`, reason),
      isOpen: () => this.#outside > 0,
    });
    try {
      await turns(() => this.#turn(main, limitMs * 1000));
    } finally {
      allowReality();
    }
    const report = {
      seed: this.seed,
      hash: hex(this.#high) + hex(this.#low),
      steps: this.#steps,
      virtualMs: this.#now / 1000,
    };
    return this.#failure === undefined ? report : { ...report, failure: this.#failure };
  }

  /**
   * Runs what the engine does on threads of its own. Time stands still until it is done, and its end happens to the process
   * at a moment drawn when it began: however fast the machine is, the order is the seed's.
   */
  runOutside<T>(owner: Process, delay: number, work: () => Promise<T>): Promise<T> {
    const wait = owner.deferred<T>("work outside");
    let settle = () => {};
    if (this.#outside++ === 0) this.#idleTurns = 0;
    start(work).then((value) => {
      settle = () => wait.resolve(value);
      this.#outside--;
    }, (error) => {
      settle = () => wait.reject(error);
      this.#outside--;
    });
    this.schedule(owner, delay, OUTSIDE, () => settle());
    return wait.promise;
  }

  #turn(main: () => Promise<void>, limit: number): boolean {
    if (this.#phase === "new") {
      this.#phase = "running";
      start(main).then(
        () => this.#phase = "done",
        (error) => this.fail(`main threw ${describe(error)}`, error),
      );
      return true;
    }
    if (this.#outside > 0 && !this.#isHungOutside()) return true;
    if (this.#phase === "done") {
      const left = this.waits();
      if (left.length > 0) this.fail(`left over: ${left.join("; ")}`);
      return false;
    }
    if (this.#failure === undefined) this.#step(limit);
    return this.#failure === undefined || this.#outside > 0;
  }

  /** Time stands still for work outside the world, so no virtual deadline ends it: a real one has to. */
  #isHungOutside(): boolean {
    if (this.#idleTurns++ === 0) this.#outsideSince = realNow();
    if (this.#idleTurns % TURNS_A_LOOK !== 0 || realNow() - this.#outsideSince < OUTSIDE_REAL_MS_MAX) return false;
    this.fail(`work outside the world has not ended in ${OUTSIDE_REAL_MS_MAX} real ms: it must not wait for the world`);
    this.#outside = 0;
    return true;
  }

  #step(limit: number): void {
    const next = this.#next();
    if (next === undefined) {
      return this.fail(`deadlock: nothing will ever happen again; waiting: ${this.waits().join("; ") || "main"}`);
    }
    if (next.time > limit) return this.fail(`no end in sight; waiting: ${this.waits().join("; ") || "main"}`);
    this.#now = next.time;
    this.#happen(next);
    while (this.#batches && this.#isSameTurn(next)) this.#happen(this.#heap.pop()!);
  }

  /** What comes next to anyone who can take it. */
  #next(): Happening | undefined {
    for (;;) {
      const next = this.#heap.pop();
      if (next === undefined) return undefined;
      const { owner } = next;
      if (owner.isDead) continue;
      if (owner.frozenUntil <= next.time) return next;
      next.time = this.#onGrain(owner.frozenUntil);
      next.tie = owner.ties.word();
      this.#heap.push(next);
    }
  }

  /** Whether what comes next would be settled in the same turn of an event loop: input that is ready at the same moment. */
  #isSameTurn({ owner, kind }: Happening): boolean {
    const next = this.#heap.first;
    return next !== undefined && next.owner === owner && next.time === this.#now && !owner.isDead &&
      !isClock(kind) && !isClock(next.kind);
  }

  #happen({ owner, kind, fire }: Happening): void {
    this.#steps++;
    this.#mix(kind.word ^ owner.word, this.#now);
    this.log?.push(`${this.#now} ${owner.name} <- ${kind.name}`);
    try {
      fire();
    } catch (error) {
      this.fail(`${owner.name}: a callback of ${kind.name} threw ${describe(error)}`, error);
    }
  }

  #onGrain(time: number): number {
    return Math.ceil(time / this.#grain) * this.#grain;
  }

  #mix(label: number, value: number): void {
    this.#low = Math.imul(this.#low ^ label, 0x9e3779b1) ^ (this.#high >>> 15);
    this.#high = (Math.imul(this.#high ^ value, 0x85ebca77) ^ (this.#low >>> 13)) + this.#low | 0;
  }
}

/** One made-up machine with one event loop: the world that a client, or a broker, is given. */
export class Process implements World {
  /** The world that it is in. */
  readonly world: SimulatedWorld;
  /** What reports call it. */
  readonly name: string;
  /** Chance of its own; take a fork for each loop. */
  readonly chance: Chance;
  /** Draws the order of what falls on one instant: of its own, so that nobody else's happenings move it. */
  readonly ties: Chance;
  /** What it adds to the hash. */
  readonly word: number;
  /** How far its wall clock is off, in milliseconds. */
  skew = 0;
  readonly #random: Chance;
  readonly #entropy: Chance;
  readonly #delays: Chance;
  readonly #held = new Map<object, string>();
  readonly #atDeath: (() => void)[] = [];
  readonly #atFreeze: (() => void)[] = [];
  #frozenUntil = 0;
  #isDead = false;

  /** Made by {@linkcode SimulatedWorld.process}. */
  constructor(world: SimulatedWorld, name: string, id: number, label: string) {
    this.world = world;
    this.name = name;
    this.chance = world.chance.fork(`process ${label}`);
    this.ties = this.chance.fork("ties");
    this.word = Math.imul(id + 1, 0x01000193);
    this.#random = this.chance.fork("random");
    this.#entropy = this.chance.fork("entropy");
    this.#delays = this.chance.fork("outside");
  }

  /** Until when its event loop stands still, in the world's microseconds. */
  get frozenUntil(): number {
    return this.#frozenUntil;
  }

  /** Whether it has been killed. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Milliseconds since the world began, also while it was frozen. */
  now(): number {
    return this.world.now / 1000;
  }

  /** Milliseconds since 1970, off by {@linkcode skew}. */
  wall(): number {
    return WALL_MS_AT_START + this.skew + Math.floor(this.world.now / 1000);
  }

  /** A number from 0 up to, but without, 1. */
  random(): number {
    return this.#random.unit();
  }

  /** Bytes that look unpredictable. */
  entropy(count: number): Uint8Array {
    return this.#entropy.bytes(count);
  }

  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.pause(microseconds(ms), "sleep", signal);
  }

  /** Sleeps for whole microseconds under a name that says what for. */
  pause(delay: number, name: string, signal?: AbortSignal): Promise<void> {
    this.world.traceCall(this, SLEEP, delay);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.world.cancel(happening);
        this.release(happening);
        reject(signal!.reason);
      };
      const happening = this.world.schedule(this, delay, SLEEP, () => {
        signal?.removeEventListener("abort", abort);
        this.release(happening);
        resolve();
      });
      this.hold(happening, name);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Calls `fire` after `ms` milliseconds, unless it is cancelled before. */
  timer(ms: number, fire: () => void): Timer {
    const delay = microseconds(ms);
    this.world.traceCall(this, TIMER, delay);
    const happening = this.world.schedule(this, delay, TIMER, () => {
      this.release(happening);
      fire();
    });
    this.hold(happening, "timer");
    return {
      cancel: () => {
        this.world.cancel(happening);
        this.release(happening);
      },
    };
  }

  /** A promise to be settled by hand, reported by its name until it is. */
  deferred<T>(name: string): Deferred<T> {
    let fulfil!: (value: T) => void;
    let refuse!: (error: unknown) => void;
    const promise = new Promise<T>((yes, no) => {
      fulfil = yes;
      refuse = no;
    });
    this.hold(promise, name);
    return {
      promise,
      resolve: (value) => {
        this.release(promise);
        fulfil(value);
      },
      reject: (error) => {
        this.release(promise);
        refuse(error);
      },
    };
  }

  /** Starts a background loop, reported by its name until it ends; what it throws fails the run. */
  async task(name: string, body: () => Promise<void>): Promise<void> {
    const key = {};
    this.hold(key, `task ${name}`);
    try {
      await body();
    } catch (error) {
      if (!this.#isDead) this.world.fail(`${this.name}: task ${name} threw ${describe(error)}`, error);
    }
    this.release(key);
  }

  /** Lets in what ends at a time of its own; see {@linkcode SimulatedWorld.runOutside}. */
  outside<T>(work: () => Promise<T>): Promise<T> {
    return this.world.runOutside(this, this.#delays.below(2000), work);
  }

  /** Its event loop stands still for `ms` milliseconds: a closed lid, a long collection of garbage. The rest of the world goes on. */
  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.world.now + microseconds(ms));
    for (const run of this.#atFreeze) run();
  }

  /** Ends it at once, as `kill -9` does: nothing happens to it any more, and its connections are reset towards the others. */
  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#held.clear();
    for (const run of this.#atDeath) run();
  }

  /** Has something done when it is killed, by what outlives it: the network resets its connections. */
  atDeath(run: () => void): void {
    this.#atDeath.push(run);
  }

  /** Has something done when it is frozen, by what is not. */
  atFreeze(run: () => void): void {
    this.#atFreeze.push(run);
  }

  /** Enters what has to be let go of before the world ends: a socket, a wait, a task. */
  hold(key: object, name: string): void {
    if (!this.#isDead) this.#held.set(key, name);
  }

  /** It has been let go of. */
  release(key: object): void {
    this.#held.delete(key);
  }

  /** What it holds and waits for as one line, with counts; no line if that is nothing. */
  waits(): string[] {
    if (this.#held.size === 0) return [];
    const counts = new Map<string, number>();
    for (const name of this.#held.values()) counts.set(name, (counts.get(name) ?? 0) + 1);
    const names = [...counts].map(([name, count]) => count === 1 ? name : `${count} × ${name}`);
    return [`${this.name} (${names.join(", ")})`];
  }
}

/** Whole microseconds, at least one: a loop of empty sleeps must not stop the clock. */
function microseconds(ms: number): number {
  return ms > 0 ? Math.max(1, Math.floor(Math.min(ms, TIMER_MS_MAX) * 1000)) : 1;
}

/** Starts work; what it throws before its first await is a rejection too. */
async function start<T>(work: () => Promise<T>): Promise<T> {
  return await work();
}

function isClock(kind: Kind): boolean {
  return kind === SLEEP || kind === TIMER;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
