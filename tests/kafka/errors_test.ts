/** Our table of Kafka's errors against the one in the newest release's own jar. */

import { assert } from "chai";
import { brokerErrors } from "../../src/base/error_codes.ts";
import { testWith } from "../tools.ts";
import { runJava } from "./jvm.ts";
import { resolveJars } from "./launcher.ts";
import { fullClassPath } from "./programs.ts";
import { releases } from "./releases.ts";

/** Where we say more than Java: a controller that has moved means that our metadata is out of date. */
const STALE_TOO = new Set(["NOT_CONTROLLER", "REBOOTSTRAP_REQUIRED"]);

testWith(["java", "mvn"], "the table of Kafka's errors is that of the newest release", async () => {
  await resolveJars(releases);
  const out = await runJava(await fullClassPath(releases.at(-1)!), "ListErrors", []);
  const theirs = out.trim().split("\n").map((line) => line.split(" ")).filter(([number]) => number !== "0");
  const ours = [...brokerErrors.values()].map(({ number, code, retriable, stale }) =>
    [number, code, retriable, stale && !STALE_TOO.has(code)].map(String)
  );
  assert.deepEqual(ours, theirs);
});
