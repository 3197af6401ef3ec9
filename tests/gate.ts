/** The steps that look at the sources without running them: format, lint, types, the core without a platform, what is published. */

import { coreFiles, exportedFiles } from "../npm-build/project.ts";
import type { Step, StepLog } from "./steps.ts";

/** A step that is one command of Deno's. */
function denoStep(name: string, args: readonly string[]): Step {
  const run = async (log: StepLog) => {
    if (!await log.command(Deno.execPath(), args)) throw new Error(`deno ${args[0]} failed`);
  };
  return { name, budgetSeconds: 60, run };
}

/** All of them. */
export const gateSteps: readonly Step[] = [
  denoStep("fmt", ["fmt", "--check"]),
  denoStep("lint", ["lint"]),
  denoStep("check", ["check"]),
  denoStep("core", ["check", "--no-lock", "--config", "tests/house/core.json", ...coreFiles]),
  denoStep("doc", ["doc", "--lint", ...Object.values(exportedFiles)]),
  denoStep("publish", ["publish", "--dry-run", "--allow-dirty"]),
];
