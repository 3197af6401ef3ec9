/** How tests are declared, so that one suite runs on every runtime and none of its tests leaves anything behind. */

import process from "node:process";
import { test as nodeTest } from "node:test";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

type Body = () => void | Promise<void>;

/** What a test may not leave behind, by the names that Node has for it. */
const HELD = /^(TCP|TLS|Timeout)/;

/** A socket that was closed needs some turns of the loop to be gone. */
const TURNS_MAX = 20;
const WAITS_MAX = 10;
const WAIT_MS = 10;

function held(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo?.() ?? []) {
    if (HELD.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function left(before: ReadonlyMap<string, number>): string[] {
  return [...held()].filter(([name, count]) => count > (before.get(name) ?? 0))
    .map(([name, count]) => `${count - (before.get(name) ?? 0)} ${name}`);
}

/**
 * Fails a test that leaves a timer or a socket open, which on Node would keep the process alive for ever. Deno's own
 * check does not see sockets of `node:net`; Bun tells nothing.
 */
function leavingNothing(body: Body): () => Promise<void> {
  return async () => {
    const before = held();
    await body();
    for (let turns = 0; turns < TURNS_MAX && left(before).length > 0; turns++) await turn();
    for (let waits = 0; waits < WAITS_MAX && left(before).length > 0; waits++) await sleep(WAIT_MS);
    const leaks = left(before);
    if (leaks.length > 0) throw new Error(`the test left behind: ${leaks.join(", ")}`);
  };
}

/** Declares a test. It fails when `body` throws or rejects, and when it leaves a timer or a socket behind. */
export const test: (name: string, body: () => void | Promise<void>) => void = (name, body) => {
  const checked = leavingNothing(body);
  if ("Deno" in globalThis) Deno.test(name, checked);
  else nodeTest(name, checked);
};

/** Declares a test that cannot run here; it counts as skipped. */
export const skippedTest: (name: string) => void = (name) => {
  if ("Deno" in globalThis) Deno.test({ name, ignore: true, fn() {} });
  else nodeTest.skip(name, () => {});
};

/** A setting of the environment for longer runs, as `SAMSA_HOSTILE_SECONDS`: a whole number, or what is given where it is not set. */
export function settingOf(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) throw new Error(`${name} is to be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** Declares a test that rejects a promise which nobody listens to: only Deno tells a world of that, and elsewhere the runner would fail it. */
export const rejectionTest: (name: string, body: () => void | Promise<void>) => void = "Deno" in globalThis
  ? test
  : skippedTest;

/** Whether the surroundings let a test make code of bytes: a page under a strict policy does not. */
function allowsWasm(): boolean {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) !== undefined;
  } catch {
    return false;
  }
}

/** Declares a test that needs WebAssembly. */
export const wasmTest: (name: string, body: () => void | Promise<void>) => void = allowsWasm() ? test : skippedTest;
