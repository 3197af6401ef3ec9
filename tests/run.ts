/** The test command, `deno task test`: everything that is to hold, on every runtime. `--only NAME` runs single steps. */

import { gateSteps } from "./gate.ts";
import { runCommand, type Step } from "./steps.ts";
import {
  browserSuite,
  buildPackage,
  bundleTests,
  denoSuite,
  kafkaPackageSuite,
  kafkaSuite,
  packageCheck,
  packageSuite,
  packageTypes,
  peersSuite,
  portableSuite,
  runtimes,
} from "./suites.ts";

const steps: readonly Step[] = [
  ...gateSteps,
  denoSuite,
  bundleTests,
  ...runtimes.map((runtime) => portableSuite(runtime)),
  browserSuite,
  buildPackage,
  packageCheck("publint"),
  packageCheck("attw"),
  packageTypes,
  peersSuite,
  ...runtimes.map((runtime) => packageSuite(runtime)),
  kafkaSuite,
  ...runtimes.map((runtime) => kafkaPackageSuite(runtime)),
];

await runCommand(steps, Deno.args);
