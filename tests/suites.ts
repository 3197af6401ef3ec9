/** The suites that the test command is made of: which tests run on what, and how. */

import { stop } from "esbuild";
import { existsSync } from "node:fs";
import { build, tarball } from "../npm-build/build.ts";
import { bundle, filesBelow } from "../npm-build/bundle.ts";
import { exportedFiles, packageName, ROOT, versionsOf } from "../npm-build/project.ts";
import { counted, type Counts, type Step, StepLog, sumOf } from "./steps.ts";
import { runInChromium } from "./browser/portable.ts";
import { resolveJars } from "./kafka/jars.ts";
import { everyAge, securedAges } from "./kafka/releases.ts";
import { builtFranz, javaPeers, peers } from "./peers/peers.ts";
import { commandOf, has, missing, missingIsFailure, provide, type ToolName } from "./tools.ts";

const OUT = `${ROOT}npm-build/out`;
const REPORTS = `${OUT}/reports`;
const PORTABLE = `${OUT}/tests`;
/** A project that has installed the package from its tarball. */
const CONSUMER = `${OUT}/consumer`;

/** The tests of the main job on real brokers: from the sources on Deno, elsewhere with the package. */
const ON_KAFKA = "tests/kafka/client_test.ts";

/** TLS and SASL on real brokers: likewise. */
const ON_SECURED = "tests/kafka/security_test.ts";

/** The program that goes on for long. */
const ENDURE = "tests/kafka/endurance/endure.ts";

/** What runs on every age of real brokers. */
const ON_EVERY_AGE = [ON_KAFKA, "tests/kafka/offsets_test.ts"];

/** Tests on real brokers that are too long for the test command. */
const LONG = "tests/kafka/long";

/** The program that holds seeds to their traces. */
const TRACES = `${ROOT}tests/simulation/traces.ts`;

/** A program of a user, which the package's tests run as one. */
const DEMO = `${ROOT}tests/examples/demo.ts`;

const deno = Deno.execPath();

/** The runtimes besides Deno, as tools. */
export const runtimes = ["node22", "node24", "node26", "bun"] as const satisfies readonly ToolName[];
type Runtime = typeof runtimes[number];

/** Folders and files with tests that run on every runtime. */
const PORTABLE_PATHS = [
  "tests/unit",
  "tests/property",
  "tests/simulation",
  "tests/embedded",
  "tests/transport",
  "tests/house/order_test.ts",
];

/** It counts the sockets of its process, so none of the others may run beside it. */
const ON_SOCKETS = "tests/transport/deno_test.ts";

/** What Deno's own suite leaves out: the sockets of Node and Bun, what has a step of its own, and what was built. */
const NOT_ON_DENO = [
  ON_SOCKETS,
  "tests/transport/node_test.ts",
  "tests/transport/bun_test.ts",
  "tests/transport/bridge/node_test.ts",
  "tests/transport/bridge/bun_test.ts",
  "tests/browser",
  "tests/kafka",
  "tests/peers",
  "npm-build/out",
];

/** Tests that drive a browser. */
const BROWSER = "tests/browser";

/** Runs a suite that needs tools. Without them its tests count as skipped, or, where `CI` is set, the step fails. */
async function withTools(
  tools: readonly ToolName[],
  log: StepLog,
  files: () => Promise<readonly string[]>,
  run: () => Promise<Counts>,
): Promise<Counts> {
  for (const tool of tools) await provide(tool);
  const lacks = missing(tools);
  if (lacks.length === 0) return run();
  log.write(`${lacks.join("\n")}\n`);
  if (missingIsFailure) throw new Error("a tool is missing, and CI is set");
  for (const lack of lacks) console.log(`        ${lack}`);
  return { passed: 0, failed: 0, skipped: await declaredIn(await files()) };
}

/** How many tests these files declare; an estimate where they are declared in a loop. */
async function declaredIn(files: readonly string[]): Promise<number> {
  let count = 0;
  for (const file of files) count += (await Deno.readTextFile(file)).match(/\btest(?:With)?\(/g)?.length ?? 0;
  return Math.max(1, count);
}

/** The files with tests at or below these paths; what is not there has none. */
async function testFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (!existsSync(ROOT + path)) continue;
    if (path.endsWith(".ts")) files.push(ROOT + path);
    else for await (const file of filesBelow(ROOT + path)) if (file.endsWith("_test.ts")) files.push(file);
  }
  return files.sort();
}

async function reportFile(name: string): Promise<string> {
  await Deno.mkdir(REPORTS, { recursive: true });
  return `${REPORTS}/${name.replaceAll(/\W+/g, "-")}.xml`;
}

/** Runs `deno test` with what is given, and counts. */
export async function denoTest(name: string, args: readonly string[], log: StepLog, env = {}): Promise<Counts> {
  const report = await reportFile(name);
  return counted(report, () => log.command(deno, ["test", "-A", `--junit-path=${report}`, ...args], { env }));
}

/** Runs test files of JavaScript on Node or Bun, and counts. */
async function runtimeTest(
  name: string,
  runtime: Runtime,
  files: string[],
  cwd: string,
  log: StepLog,
): Promise<Counts> {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const report = await reportFile(name);
  const args = runtime === "bun"
    ? ["test", "--timeout=120000", "--reporter=junit", `--reporter-outfile=${report}`, ...files]
    : ["--test", ...NODE_REPORTERS, `--test-reporter-destination=${report}`, ...files];
  return counted(report, () => log.command(commandOf(runtime), args, { cwd }));
}

const NODE_REPORTERS = ["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=junit"];

/** Everything that runs on Deno from the sources: all tests, and every example in the documentation. */
export const denoSuite: Step = {
  name: "deno",
  budgetSeconds: 240,
  run: async (log) =>
    sumOf([
      await denoTest("deno", ["--doc", "--parallel", `--ignore=${NOT_ON_DENO.join()}`], log),
      await denoTest("deno-sockets", [ON_SOCKETS], log),
    ]),
};

/** Makes the portable tests into JavaScript that is the same for every runtime. */
export const bundleTests: Step = {
  name: "bundle",
  budgetSeconds: 60,
  async run() {
    const entries = [...await testFiles(PORTABLE_PATHS), TRACES];
    await bundle({ entries, folder: PORTABLE, external: ["ws"], platform: "deno" });
    await stop();
  },
};

/** The traces of the gate's seeds on one of the other runtimes: the same as on Deno. */
export function tracesSuite(runtime: Runtime): Step {
  return {
    name: `traces-${runtime}`,
    budgetSeconds: 60,
    after: ["bundle"],
    run: (log) =>
      withTools([runtime], log, () => Promise.resolve([]), async () => {
        await log.command(commandOf(runtime), [`${PORTABLE}/simulation/traces.js`]);
        const count = (line: RegExp) => log.text.match(line)?.length ?? 0;
        const [passed, failed] = [count(/^ok /gm), count(/^FAILED /gm)];
        return { passed, failed: failed || (passed === 0 ? 1 : 0), skipped: 0 };
      }),
  };
}

/** Puts the package of WebSockets where the tests on Node look for it. */
async function lendWs(): Promise<void> {
  await Deno.mkdir(`${OUT}/node_modules`, { recursive: true });
  try {
    await Deno.symlink(`${commandOf("ws")}/ws`, `${OUT}/node_modules/ws`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** The portable tests on one of the other runtimes: all that fit it. */
export function portableSuite(runtime: Runtime): Step {
  const name: string = runtime;
  const foreign = runtime === "bun" ? /\/(deno|node)_test\.js$/ : /\/(deno|bun)_test\.js$/;
  const fits = (file: string) => file.endsWith("_test.js") && !foreign.test(file);
  return {
    name,
    budgetSeconds: 300,
    after: ["bundle"],
    run: (log) =>
      withTools(runtime === "bun" ? [runtime] : [runtime, "ws"], log, () => testFiles(PORTABLE_PATHS), async () => {
        if (runtime !== "bun") await lendWs();
        const files: string[] = [];
        for await (const file of filesBelow(PORTABLE)) if (fits(file.slice(PORTABLE.length))) files.push(file);
        return runtimeTest(name, runtime, files.sort(), PORTABLE, log);
      }),
  };
}

/** What pages are made of: their script is built here. */
const PAGES = `${OUT}/pages`;

/** What happens in pages: the portable tests from the same bundles, then pages that talk to brokers. */
export const browserSuite: Step = {
  name: "browser",
  budgetSeconds: 180,
  after: ["bundle"],
  run: (log) =>
    withTools(["playwright", "chromium"], log, () => testFiles(["tests/unit", "tests/property", BROWSER]), async () => {
      const { failures, passed, failed, skipped } = await runInChromium(PORTABLE, PAGES);
      await stop();
      log.write(failures.map((text) => `${text}\n\n`).join(""));
      return sumOf([{ passed, failed, skipped }, await denoTest("browser", await testFiles([BROWSER]), log)]);
    }),
};

/** Builds the npm package, installs it from its tarball, and bundles its tests beside it. */
export const buildPackage: Step = {
  name: "npm",
  budgetSeconds: 120,
  async run(log) {
    log.write(`${await build()}\n`);
    await Deno.remove(CONSUMER, { recursive: true }).catch(() => {});
    const entries = [...await testFiles(["tests/package", ON_KAFKA, ON_SECURED]), DEMO, ROOT + ENDURE];
    const external = [packageName, `${packageName}/*`, ...PEERS];
    await bundle({ entries, folder: CONSUMER, external, platform: "deno" });
    await stop();
    await Deno.mkdir(CONSUMER, { recursive: true });
    await Deno.writeTextFile(`${CONSUMER}/package.json`, `{ "private": true, "type": "module" }\n`);
    const options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", "--no-save"];
    if (!await log.command("npm", ["install", ...options, tarball], { cwd: CONSUMER })) {
      throw new Error("npm install failed");
    }
    // Nobody needs the optional peers but who imports the door that does.
    const doors = Object.keys(exportedFiles).filter((name) => !FOREIGN_DOORS.includes(name));
    const load = doors.map((name) => `await import("${packageName}${name.slice(1)}");`).join("\n");
    const alone = ["--input-type=module", "--eval", load];
    if (!await log.command("node", alone, { cwd: CONSUMER })) throw new Error("a door does not load by itself");
    const peers = PEERS.map((name) => `${name}@${versionsOf[name]}`);
    if (!await log.command("npm", ["install", ...options, tarball, ...peers], { cwd: CONSUMER })) {
      throw new Error("npm install of the peers failed");
    }
  },
};

/** What the package's tests bring along that its users may. */
const PEERS = ["fast-check"];

/** What does not load on a bare Node: other platforms, and what needs a peer. */
const FOREIGN_DOORS = ["./deno", "./bun", "./testing/arbitraries"];

/** One look at the tarball with a tool of npm's. */
export function packageCheck(tool: "publint" | "attw"): Step {
  const args = tool === "publint" ? [tarball, "--strict"] : [tarball, "--profile", "esm-only"];
  return {
    name: tool,
    budgetSeconds: 60,
    after: ["npm"],
    run: (log) =>
      withTools([tool], log, () => Promise.resolve([]), async () => {
        const ok = await log.command(commandOf(tool), args);
        return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
      }),
  };
}

/** A program that says which types the low doors are to have. */
const TYPED = "tests/package/typed_protocol.ts";

/** As strict as a user may be, who has no platform's types. */
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  types: [],
  lib: ["esnext", "dom"],
  target: "esnext",
  module: "nodenext",
};

/** The declarations of the package, read by TypeScript's own compiler without the types of any platform. */
export const packageTypes: Step = {
  name: "types",
  budgetSeconds: 60,
  after: ["npm"],
  run: (log) =>
    withTools(["tsc"], log, () => Promise.resolve([]), async () => {
      const names = Object.keys(exportedFiles).map((name) => packageName + name.slice(1));
      const doors = names.map((name, i) => `export * as door${i} from "${name}";\n`).join("");
      await Deno.writeTextFile(`${CONSUMER}/consumer.ts`, doors);
      await Deno.copyFile(ROOT + TYPED, `${CONSUMER}/typed.ts`);
      await Deno.writeTextFile(
        `${CONSUMER}/tsconfig.json`,
        JSON.stringify({ compilerOptions: STRICT, files: ["consumer.ts", "typed.ts"] }),
      );
      const ok = await log.command(commandOf("tsc"), ["--project", CONSUMER]);
      return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
    }),
};

/** The tests of the package, with what is in the tarball, on one of the other runtimes. */
export function packageSuite(runtime: Runtime): Step {
  return {
    name: `npm-${runtime}`,
    budgetSeconds: 120,
    after: ["npm"],
    run: (log) =>
      withTools([runtime], log, () => testFiles(["tests/package"]), async () => {
        const files: string[] = [];
        for await (const file of filesBelow(`${CONSUMER}/package`)) if (file.endsWith("_test.js")) files.push(file);
        return runtimeTest(`npm-${runtime}`, runtime, files.sort(), CONSUMER, log);
      }),
  };
}

/** The clients of others on embedded brokers. What is missing is skipped client by client. */
export const peersSuite: Step = {
  name: "peers",
  budgetSeconds: 300,
  async run(log) {
    const tools: readonly ToolName[] = [...peers.flatMap(({ tools }) => tools), "codecsOfC", "codecsOfNpm"];
    for (const tool of new Set(tools)) await provide(tool);
    if (has("java") && has("mvn")) await resolveJars(javaPeers);
    if (has("go")) await builtFranz();
    return denoTest("peers", ["--parallel", "tests/peers"], log);
  },
};

/** The tests on real brokers. */
export const kafkaSuite: Step = {
  name: "kafka",
  budgetSeconds: 360,
  alone: true,
  run: (log) => denoTest("kafka", [`--ignore=${LONG}`, "tests/kafka"], log),
};

/** The main job on real brokers, with what is in the tarball, on one of the other runtimes. */
export function kafkaPackageSuite(runtime: Runtime): Step {
  const name = `kafka-${runtime}`;
  return {
    name,
    budgetSeconds: 300,
    after: ["npm"],
    // The launcher looks for its Java sources below the working directory.
    run: (log) =>
      withTools(
        [runtime, "java", "mvn"],
        log,
        () => testFiles([ON_KAFKA, ON_SECURED]),
        () => {
          const files = ["client", "security"].map((each) => `${CONSUMER}/kafka/${each}_test.js`);
          return runtimeTest(name, runtime, files, ROOT, log);
        },
      ),
  };
}

/** The program that plays seeds. */
const SIMULATE = `${ROOT}tests/simulate.ts`;

/** How many seeds of each scenario are played behind those of the gate. */
const MANY_SEEDS = { "producing": 10_000, "round-trip": 2_500 };

/** The simulations with many more seeds than in the gate. */
export const manySeeds: Step = {
  name: "seeds",
  budgetSeconds: 600,
  alone: true,
  async run(log) {
    const counts: Counts[] = [];
    for (const [scenario, seeds] of Object.entries(MANY_SEEDS)) {
      const own = new StepLog(log.signal);
      const args = ["--scenario", scenario, "--first", "1001", "--seeds", `${seeds}`];
      await own.command(deno, ["run", "-A", SIMULATE, ...args]);
      log.write(own.text);
      const [, played, failed] = own.text.match(/(\d+) of \d+ seeds played, (\d+) failed[^\n]*\s*$/) ?? [];
      if (Number(played) !== seeds) throw new Error(`the seeds of ${scenario} did not come to an end`);
      counts.push({ passed: seeds - Number(failed), failed: Number(failed), skipped: 0 });
    }
    return sumOf(counts);
  },
};

/** A minute of brokers that lie. */
export const hostileMinute: Step = {
  name: "hostile",
  budgetSeconds: 240,
  run: (log) => denoTest("hostile", ["tests/hostile"], log, { SAMSA_HOSTILE_SECONDS: "60" }),
};

/** Brokers of three-broker clusters are killed, restarted and held. */
export const deathSuite: Step = {
  name: "death",
  budgetSeconds: 540,
  alone: true,
  run: (log) => denoTest("death", [`${LONG}/verdict_test.ts`, `${LONG}/death_test.ts`], log),
};

/** Tests that hold for each release, on all of these, two releases side by side. */
function onReleases(name: string, budgetSeconds: number, paths: readonly string[], releases: readonly string[]): Step {
  const run = async (log: StepLog) => {
    await resolveJars(releases);
    const files = await testFiles(paths);
    const left = [...releases];
    const counts: Counts[] = [];
    const worker = async () => {
      for (let release = left.shift(); release !== undefined; release = left.shift()) {
        if (log.signal.aborted) return;
        const own = new StepLog(log.signal);
        counts.push(await denoTest(`${name}-${release}`, files, own, { SAMSA_RELEASES: release }));
        log.write(own.text);
      }
    };
    await Promise.all([worker(), worker()]);
    return sumOf(counts);
  };
  return {
    name,
    budgetSeconds,
    alone: true,
    run: (log) => withTools(["java", "mvn"], log, () => testFiles(paths), () => run(log)),
  };
}

/** The tests that hold for each release. */
export const agesSuite: Step = onReleases("ages", 480, ON_EVERY_AGE, everyAge);

/** TLS and SASL, on all releases that have them. */
export const securedSuite: Step = onReleases("secured", 420, [ON_SECURED], securedAges);

/** The command that produces and consumes for so many minutes: from the sources on Deno, elsewhere with the package. */
export function enduring(runtime: "deno" | Runtime, minutes: number): [command: string, args: string[]] {
  const own = ["--minutes", `${minutes}`];
  if (runtime === "deno") return [deno, ["run", "-A", "--v8-flags=--expose-gc", ENDURE, ...own]];
  const gc = runtime === "bun" ? [] : ["--expose-gc"];
  return [commandOf(runtime), [...gc, `${CONSUMER}/${ENDURE.slice("tests/".length, -"ts".length)}js`, ...own]];
}

/** Two minutes of it, on Deno and on Node side by side: what a client holds does not grow. */
export const enduranceSuite: Step = {
  name: "endurance",
  budgetSeconds: 180,
  after: ["npm"],
  alone: true,
  run: (log) =>
    withTools(["node24", "java", "mvn"], log, () => Promise.resolve([]), async () => {
      const runs = (["deno", "node24"] as const).map(async (runtime): Promise<Counts> => {
        const own = new StepLog(log.signal);
        const ok = await own.command(...enduring(runtime, 2));
        log.write(own.text);
        return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
      });
      return sumOf(await Promise.all(runs));
    }),
};
