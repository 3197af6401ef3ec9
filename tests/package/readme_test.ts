/** README's programs for Node and Bun run on Node and Bun; those for Deno run as its own documentation tests. */

import { assert } from "chai";
import { readFile, rm, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "../harness.ts";
import { runtime } from "./door.ts";
import { runProgram } from "./program.ts";

if (runtime !== "deno") {
  test(`README's program for ${runtime} runs and ends by itself`, async () => {
    const here = new URL("../", import.meta.url);
    const readme = await readFile(new URL("node_modules/@samsa/kafka/README.md", here), "utf8");
    const block = new RegExp("^```js [^\\n]*\\b" + runtime + "\\n(.*?)^```$", "ms").exec(readme);
    assert.isNotNull(block, "README has no program for it");
    // Other versions of the runtime run this at the same time.
    const file = new URL(`readme-${runtime}-${process.pid}.mjs`, here);
    await writeFile(file, block![1]!);
    try {
      const { code, stdout, stderr } = await runProgram(file, [], 10_000);
      assert.equal(code, 0, stderr);
      assert.match(stdout, runtime === "node" ? /^0 a value 1$/m : /^1000$/m);
    } finally {
      await rm(file);
    }
  });
}
