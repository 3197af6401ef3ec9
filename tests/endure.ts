/** `deno task endure --minutes N --on RUNTIME`: produces and consumes for long on a real broker; fails if what is held grows. */

import { parseArgs } from "node:util";
import { StepLog } from "./steps.ts";
import { buildPackage, enduring, runtimes } from "./suites.ts";
import { missing, provide } from "./tools.ts";

const options = { minutes: { type: "string", default: "30" }, on: { type: "string", default: "deno" } } as const;
const { minutes, on } = parseArgs({ options, args: Deno.args }).values;
const runtime = runtimes.find((name) => name === on);
if (runtime === undefined && on !== "deno") {
  console.error(`there is no runtime ${on}; there are deno, ${runtimes.join(", ")}`);
  Deno.exit(2);
}
if (runtime) {
  await provide(runtime);
  const log = new StepLog(new AbortController().signal);
  await buildPackage.run(log).catch((error) => {
    console.error(log.text);
    throw error;
  });
}
const lacks = missing(["java", "mvn", ...(runtime ? [runtime] : [])]);
if (lacks.length > 0) {
  console.error(lacks.join("\n"));
  Deno.exit(1);
}
const [command, args] = enduring(runtime ?? "deno", Number(minutes));
const { code } = await new Deno.Command(command, { args, stdout: "inherit", stderr: "inherit" }).spawn().status;
Deno.exit(code);
