/** Measures a part of the process's life: time, CPU, memory, and latencies. */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { Result } from "./job.ts";

const SAMPLE_MS = 100;

/** What watches the measured part, where somebody asked for it. */
interface Profiler {
  start(): void;
  stop(): void;
}

let profiler: Profiler | undefined;

/** From now on the measured part is profiled, into a file; only on Node. */
export async function profileInto(file: string): Promise<void> {
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  profiler = {
    start: () => session.post("Profiler.start"),
    stop: () => session.post("Profiler.stop", (_, { profile }) => writeFileSync(file, JSON.stringify(profile))),
  };
}

/** What a meter tells. */
export type Measured = Pick<Result, "messages" | "seconds" | "cpuSeconds" | "rss" | "heap" | "buffers">;

/** Runs from when it is made until `stop`. CPU is getrusage's, all threads of the process together. */
export class Meter {
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);
  readonly #cpu = process.cpuUsage();
  readonly #start = performance.now();
  #heap = 0;
  #buffers = 0;
  #rss = 0;

  /** Begins the measured part. */
  constructor() {
    profiler?.start();
  }

  #sample(): void {
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    this.#heap = Math.max(this.#heap, heapUsed);
    this.#buffers = Math.max(this.#buffers, arrayBuffers);
    this.#rss = Math.max(this.#rss, rss);
  }

  /** Ends the measured part, in which so many messages came through. */
  stop(messages: number): Measured {
    const seconds = (performance.now() - this.#start) / 1000;
    const { user, system } = process.cpuUsage(this.#cpu);
    profiler?.stop();
    clearInterval(this.#timer);
    this.#sample();
    const rss = Math.max(this.#rss, peakRss());
    return { messages, seconds, cpuSeconds: (user + system) / 1e6, rss, heap: this.#heap, buffers: this.#buffers };
  }
}

/** The most that the process has had in memory. Not getrusage's, which begins with what the process had that started it. */
function peakRss(): number {
  const [, kilobytes = "0"] = /^VmHWM:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Keeps latencies, up to a number that is never reached here. */
export class Latencies {
  #all = new Float64Array(1 << 16);
  #count = 0;

  /** Adds one, in milliseconds. */
  add(ms: number): void {
    if (this.#count === this.#all.length) {
      const more = new Float64Array(2 * this.#count);
      more.set(this.#all);
      this.#all = more;
    }
    this.#all[this.#count++] = ms;
  }

  /** The median, and what one in a hundred is above. */
  percentiles(): { p50: number; p99: number } {
    const sorted = this.#all.subarray(0, this.#count).sort();
    const at = (part: number) => sorted[Math.min(this.#count - 1, Math.floor(part * this.#count))] ?? NaN;
    return { p50: at(0.5), p99: at(0.99) };
  }
}
