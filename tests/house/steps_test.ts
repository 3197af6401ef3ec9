/** The machinery that counts: it neither loses a failure nor makes one up. */

import { assert } from "chai";
import { countReport, inWords, runSteps, type Step } from "../steps.ts";

/** Runs steps without their lines between those of this test; gives the sum and the lines. */
async function quietly(steps: readonly Step[], only: readonly string[] = []): Promise<[sum: string, lines: string[]]> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line) => lines.push(line);
  try {
    const result = await runSteps(steps, only);
    return [`${inWords(result)}, ${result.ok ? "ok" : "not ok"}`, lines];
  } finally {
    console.log = log;
  }
}

const step = (name: string, run: Step["run"], more: Partial<Step> = {}): Step => ({
  name,
  budgetSeconds: 20,
  run,
  ...more,
});
const counting = (passed: number, failed: number, skipped: number) => () =>
  Promise.resolve({ passed, failed, skipped });

Deno.test("reports of Deno, Node and Bun are counted by their tags", () => {
  const deno = `<testsuites name="deno test" tests="3" failures="1" errors="0"><testsuite name="./a_test.ts">
    <testcase name="a &lt;failure&gt;" line="1">
    </testcase><testcase name="b"><failure message="Uncaught">no</failure></testcase><testcase name="c"><skipped/></testcase>`;
  const node = `<testsuites>
	<testcase name="a" time="0.1" classname="test"/>
	<testcase name="b" time="0.1" failure="no"><failure type="testCodeFailure" message="no">no</failure></testcase>
	<testcase name="c" classname="test"><skipped type="skipped" message="true"/></testcase>
	<!-- tests 3 -->`;
  const bun =
    `<testsuites name="bun test" tests="3" failures="1" skipped="1"><testsuite name="a" failures="1" skipped="1">
    <testcase name="a" assertions="0" /><testcase name="b"><failure type="AssertionError" /></testcase>
    <testcase name="c"><skipped /></testcase>`;
  for (const report of [deno, node, bun]) assert.deepEqual(countReport(report), { passed: 1, failed: 1, skipped: 1 });
});

Deno.test("the sum is that of all steps, and one failure anywhere makes it a failure", async () => {
  assert.deepEqual(
    await quietly([step("a", counting(3, 0, 1)), step("b", counting(2, 0, 0))]).then(([sum]) => sum),
    "5 passed, 0 failed, 1 skipped, ok",
  );
  assert.deepEqual(
    await quietly([step("a", counting(3, 1, 1)), step("b", counting(2, 0, 0))]).then(([sum]) => sum),
    "5 passed, 1 failed, 1 skipped, not ok",
  );
  assert.deepEqual(
    await quietly([step("a", counting(3, 0, 1)), step("b", counting(2, 0, 0))], ["b"]).then(([sum]) => sum),
    "2 passed, 0 failed, 0 skipped, ok",
  );
});

Deno.test("a step that throws fails and shows what it said, and what needs it is not run", async () => {
  let ran = false;
  const throws = step("first", (log) => {
    log.write("nearly there\n");
    return Promise.reject(new Error("the build broke"));
  });
  const [sum, lines] = await quietly([
    throws,
    step("second", () => {
      ran = true;
      return Promise.resolve();
    }, { after: ["first"] }),
  ]);
  assert.equal(sum, "0 passed, 2 failed, 0 skipped, not ok");
  assert.isFalse(ran);
  assert.match(lines[0]!, /nearly there\nthe build broke/);
});

Deno.test("a step that takes too long is stopped, with the program that it runs", async () => {
  const slow = step("slow", async (log) => {
    if (!await log.command(Deno.execPath(), ["eval", "setInterval(() => {}, 1000)"])) throw new Error("it was stopped");
  }, { budgetSeconds: 0.5 });
  const [sum, lines] = await quietly([slow]);
  assert.equal(sum, "0 passed, 1 failed, 0 skipped, not ok");
  assert.match(lines[0]!, /longer than 0.5 s/);
});

Deno.test("at most two steps run at once, and one that wants to be alone is", async () => {
  let running = 0, most = 0, alone = 0;
  const busy = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
  };
  const lonely = async () => {
    alone = running;
    await busy();
  };
  await quietly([
    ...["a", "b", "c"].map((name) => step(name, busy)),
    step("d", lonely, { alone: true }),
    step("e", busy),
  ]);
  assert.equal(most, 2);
  assert.equal(alone, 0);
});
