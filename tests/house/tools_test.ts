/** What people read about the tools is what the code knows. */

import { assert } from "chai";
import { ROOT } from "../../npm-build/project.ts";
import { goModules, tools } from "../tools.ts";

Deno.test("CONTRIBUTING.md lists every tool, with its version or the command that installs it", async () => {
  const text = await Deno.readTextFile(`${ROOT}CONTRIBUTING.md`);
  for (const [name, tool] of Object.entries(tools)) {
    assert.include(text, (tool.npm ?? tool.pip)?.[1] ?? tool.install!, name);
  }
  assert.include(text, goModules["github.com/twmb/franz-go"]!.slice(1), "franz-go");
});
