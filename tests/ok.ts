/** The gate, `deno task ok`: what is to hold before a commit, in under half a minute. `--only NAME` runs single steps. */

import { existsSync } from "node:fs";
import { ROOT } from "../npm-build/project.ts";
import { gateSteps } from "./gate.ts";
import { runCommand, type Step } from "./steps.ts";
import { bundleTests, denoTest, tracesSuite } from "./suites.ts";

/** The tests that are quick enough for the gate, and the examples in the documentation. */
const QUICK = [
  ...["tests/unit", "tests/property", "tests/house", "tests/captures", "tests/simulation"],
  ...["src", "mod.ts", "README.md"],
];

const quickTests: Step = {
  name: "test",
  budgetSeconds: 120,
  after: ["check"],
  run: (log) => denoTest("ok", ["--doc", "--parallel", ...QUICK.filter((path) => existsSync(ROOT + path))], log),
};

/** One seed has one trace on every engine. */
const traces = [bundleTests, tracesSuite("node24"), tracesSuite("bun")];

await runCommand([...gateSteps, quickTests, ...traces], Deno.args);
