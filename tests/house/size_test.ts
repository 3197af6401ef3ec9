/** What a page has to load: the whole of the door for pages in a bundle, against a budget and against what the README says. */

import { assert } from "chai";
import { stop, transform } from "esbuild";
import { gzipSync } from "node:zlib";
import { ROOT } from "../../npm-build/project.ts";

/** Kilobytes of 1,000 bytes, gzipped; what is planned for is 60. */
const BUDGET_KB = 79;

/** How far README's figure may be from what is measured. */
const NEAR_KB = 1;

/** Bundled by Deno and minified by esbuild, as any user's bundler may: new syntax stays, since every browser of today has it. */
async function doorKilobytes(): Promise<number> {
  const args = ["bundle", "--quiet", "--platform=browser", `${ROOT}src/doors/websocket.ts`];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  assert.isTrue(success, new TextDecoder().decode(stderr));
  const options = { minify: true, target: "esnext", format: "esm", legalComments: "none" } as const;
  const { code } = await transform(new TextDecoder().decode(stdout), options);
  return gzipSync(code, { level: 9 }).length / 1000;
}

Deno.test({
  name: "the whole door for pages, minified and gzipped, is within its budget, and as large as the README says",
  sanitizeOps: false, // esbuild's own process
  sanitizeResources: false,
  async fn() {
    const size = await doorKilobytes();
    await stop();
    assert.isAtMost(size, BUDGET_KB, `KB: ${size}`);
    const said = /the whole door is (\d+) KB/.exec(await Deno.readTextFile(`${ROOT}README.md`));
    assert.isNotNull(said, "README says how large it is");
    assert.closeTo(Number(said![1]), size, NEAR_KB);
  },
});
