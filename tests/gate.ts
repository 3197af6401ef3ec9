/** The steps that look at the sources without running them: format, lint, types, the core without a platform, what is published. */

import { buildDocs, undocumented } from "../npm-build/docs.ts";
import { coreFiles } from "../npm-build/project.ts";
import type { Step, StepLog } from "./steps.ts";

/** A step that is one command of Deno's. */
function denoStep(name: string, args: readonly string[]): Step {
  const run = async (log: StepLog) => {
    if (!await log.command(Deno.execPath(), args)) throw new Error(`deno ${args[0]} failed`);
  };
  return { name, budgetSeconds: 60, run };
}

/** Every public name of every door says what it is; and the reference can be made of that. */
const docSteps = {
  lint: {
    name: "doc",
    budgetSeconds: 60,
    async run() {
      const findings = await undocumented();
      if (findings !== "") throw new Error(findings);
    },
  },
  reference: {
    name: "docs",
    budgetSeconds: 60,
    async run(log: StepLog) {
      log.write(`${await buildDocs()} pages\n`);
    },
  },
};

/** All of them. */
export const gateSteps: readonly Step[] = [
  denoStep("fmt", ["fmt", "--check"]),
  denoStep("lint", ["lint"]),
  denoStep("check", ["check"]),
  denoStep("core", ["check", "--no-lock", "--config", "tests/house/core.json", ...coreFiles]),
  docSteps.lint,
  docSteps.reference,
  denoStep("publish", ["publish", "--dry-run", "--allow-dirty"]),
];
