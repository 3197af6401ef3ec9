/** The long tests, `deno task test:full`: what the test command has no time for. `--only NAME` runs single steps. */

import { runCommand, type Step } from "./steps.ts";
import {
  agesSuite,
  buildPackage,
  deathSuite,
  enduranceSuite,
  hostileMinute,
  manySeeds,
  securedSuite,
} from "./suites.ts";

const steps: readonly Step[] = [
  ...[manySeeds, hostileMinute, buildPackage],
  ...[agesSuite, securedSuite, deathSuite, enduranceSuite],
];

await runCommand(steps, Deno.args);
