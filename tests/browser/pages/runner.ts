/** A page's part of a run of tests: plays Node's test runner, so that the very bundles that run on Node run here. */

import type { Results } from "../results.ts";
import { type Ran, ran } from "./registry.ts";

const TEST_MS_MAX = 60_000;

const violations: string[] = [];
addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
  violations.push(`${effectiveDirective} ${blockedURI}`);
});

/** A rejection that nobody hears fails the test that runs, as it does on Node. */
let unheard: unknown;
addEventListener("unhandledrejection", (event) => {
  unheard ??= event.reason ?? new Error("rejected with nothing");
});
addEventListener("error", (event) => {
  unheard ??= event.error ?? event.message;
});

async function runOne({ body }: Ran): Promise<void> {
  unheard = undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = registrySetTimeout(() => reject(new Error(`it took longer than ${TEST_MS_MAX} ms`)), TEST_MS_MAX);
  });
  try {
    await Promise.race([body!(), late]);
  } finally {
    registryClearTimeout(timer);
  }
  if (unheard !== undefined) throw unheard;
}

const { setTimeout: registrySetTimeout, clearTimeout: registryClearTimeout } = ran;

/** Imports the files, then runs what they have declared, one after the other. */
export async function run(files: readonly string[]): Promise<Results> {
  let [passed, failed, skipped] = [0, 0, 0];
  const failures: string[] = [];
  const times: [string, number][] = [];
  for (const file of files) {
    const start = performance.now();
    const before = ran.tests.length;
    try {
      await import(file);
    } catch (error) {
      failed++;
      failures.push(`${file} cannot be loaded: ${error}`);
    }
    for (const one of ran.tests.slice(before)) {
      if (one.body === undefined) {
        skipped++;
        continue;
      }
      try {
        await runOne(one);
        passed++;
      } catch (error) {
        failed++;
        failures.push(`${file}: ${one.name}\n${error instanceof Error ? error.stack ?? error : error}`);
      }
    }
    times.push([file, Math.round(performance.now() - start)]);
  }
  return { passed, failed, skipped, failures, violations: violations.splice(0), times };
}
