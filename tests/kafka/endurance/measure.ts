/** What the process holds: memory after a collection of garbage, sockets, timers. */

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { Sample } from "./trend.ts";

type Held = Omit<Sample, "at" | "produced" | "read" | "peakRss">;

const DESCRIPTORS = "/proc/self/fd";
const COLLECTIONS = 3;

/** Node and Deno have it by `--expose-gc`. */
const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
if (!gc && !Bun) throw new Error("garbage is to be collected here: node --expose-gc, or deno --v8-flags=--expose-gc");

/** Collects garbage, then measures. */
export async function measure(): Promise<Held> {
  for (let i = 0; i < COLLECTIONS; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20)); // what is let go of in a turn goes after it
    if (gc) gc();
    else Bun!.gc(true);
  }
  const { heapUsed: heap, heapTotal, external, arrayBuffers, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo?.() ?? [];
  const timers = resources.filter((name) => name === "Timeout").length;
  return {
    heap,
    external,
    arrayBuffers,
    rss,
    native: rss - heapTotal,
    sockets: socketCount(),
    timers,
    handles: resources.length,
  };
}

/** By the process's descriptors where the system shows them, since no platform but Node tells. */
function socketCount(): number {
  if (!existsSync(DESCRIPTORS)) return 0;
  return readdirSync(DESCRIPTORS).filter((name) => {
    try {
      return readlinkSync(`${DESCRIPTORS}/${name}`).startsWith("socket:");
    } catch {
      return false; // that of the folder itself, which is closed by now
    }
  }).length;
}
