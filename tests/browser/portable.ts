/** Runs the portable tests in a page of Chromium, from the same bundles as on Node and Bun. */

import { bundle, filesBelow } from "../../npm-build/bundle.ts";
import { withPage } from "./chromium.ts";
import type { Results } from "./results.ts";
import type { BridgeServer } from "../../src/transport/bridge.ts";
import { filesIn, serveSite, urlOf } from "./site.ts";

/** What stands in for modules of Node: three lines each, on top of the page's registry. */
const NODE: Readonly<Record<string, string>> = {
  "/node/test.js": 'export { test } from "/page/registry.js";',
  "/node/process.js": 'import { process } from "/page/registry.js"; export default process;',
  "/node/zlib.js": 'export * from "/page/zlib.js";',
  "/node/timers/promises.js": 'export { turn as setImmediate, sleep as setTimeout } from "/page/registry.js";',
};

const PAGE = '<!doctype html><meta charset="utf-8"><title>tests</title><script type="module" src="/start.js"></script>';

/** The folders whose tests need nothing but JavaScript; the gate's seeds are left to two other runs of the same engine. */
const IN_PAGES = /^\/(unit|property|embedded)\/.*_test\.js$/;

/** Loopback by two names, so that two pages run in two processes. */
const HOSTS = ["127.0.0.1", "localhost"];

/** The page's script: what it is told to run it runs. */
const START = 'import { run } from "/page/runner.js"; globalThis.run = run;';

/** A page's global objects, as its script makes them. */
interface Tested {
  readonly run?: (files: readonly string[]) => Promise<Results>;
}

/** Serves the bundles of the tests in `tests`, and the page's own script from `pages`. */
function serveTests(tests: string, pages: string): Promise<BridgeServer> {
  const [testFile, pageFile] = [filesIn(tests), filesIn(pages)];
  return serveSite(async (path) => {
    if (path === "/index.html") return PAGE;
    if (path === "/start.js") return START;
    const isTest = path.startsWith("/tests/");
    if (!isTest && !path.startsWith("/page/")) return NODE[path];
    const code = await (isTest ? testFile : pageFile)(path.slice(path.indexOf("/", 1)));
    // A page has no modules of Node, nor an import map without an inline script.
    return code?.replaceAll(/^(import\b.*?|\} from )"node:([a-z/_]+)"/gm, '$1"/node/$2.js"');
  });
}

/** Runs the tests of the bundles in `folder`; `work` is where the page's own script is built. */
export async function runInChromium(folder: string, work: string): Promise<Results> {
  const own = ["runner", "registry", "zlib"].map((name) => new URL(`pages/${name}.ts`, import.meta.url).pathname);
  await bundle({ entries: own, folder: work, platform: "browser" });
  const files: string[] = [];
  for await (const file of filesBelow(folder)) files.push(file.slice(folder.length));
  const left = files.filter((file) => IN_PAGES.test(file)).sort();
  const all: Results[] = [];
  const site = await serveTests(folder, work);
  try {
    await Promise.all(HOSTS.map((host) =>
      withPage(async (page) => {
        await page.goto(urlOf(site, host));
        await page.waitForFunction(() => (globalThis as Tested).run);
        for (let file = left.shift(); file !== undefined; file = left.shift()) {
          const run = (path: string) => (globalThis as Tested).run!([path]);
          all.push(await page.evaluate(run, `/tests${file}`));
        }
      })
    ));
  } finally {
    await site.close();
  }
  const sum = (count: "passed" | "failed" | "skipped") => all.reduce((so, of) => so + of[count], 0);
  return {
    ...{ passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") },
    failures: all.flatMap(({ failures }) => failures),
    violations: all.flatMap(({ violations }) => violations),
    times: all.flatMap(({ times }) => times),
  };
}

if (import.meta.main) {
  const [folder, work] = Deno.args;
  const { failures, violations, times, ...counts } = await runInChromium(folder!, work!);
  console.log(failures.join("\n\n"), new Set(violations), violations.length, counts);
  console.log(times.toSorted((a, b) => b[1] - a[1]).slice(0, 12));
}
