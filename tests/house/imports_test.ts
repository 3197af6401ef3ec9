/** The house as a whole: no two files import one another, none is dead, none lies outside the rooms. */

import { assert } from "chai";
import { exportedFiles, ROOT } from "../../npm-build/project.ts";
import { filesBelow } from "../../npm-build/bundle.ts";
import { FLOOR_OF, resolve, roomOf } from "./rooms.ts";

/** Which files each file of the library imports, types included; paths are from the top of the repository. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** An import or a re-export at the beginning of a line (so none in a comment), or one that is loaded or named inside a line. */
const SPECIFIER = /^(?:import|export)\b(?:[^;"]*?\bfrom)?\s*"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"\s*\)/gm;

function importsOf(file: string, text: string): string[] {
  const code = text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, "");
  return [...code.matchAll(SPECIFIER)].map((match) => resolve(file, (match[1] ?? match[2])!));
}

async function readLibrary(): Promise<Imports> {
  const files = ["mod.ts"];
  for await (const file of filesBelow(`${ROOT}src`)) files.push(file.slice(ROOT.length));
  const texts = files.filter((file) => file.endsWith(".ts")).sort().map(async (file) =>
    [file, importsOf(file, await Deno.readTextFile(ROOT + file))] as const
  );
  return new Map(await Promise.all(texts));
}

/** A way from a file back to itself; undefined if there is none. */
function findCycle(imports: Imports): string[] | undefined {
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    way.push(file);
    for (const next of imports.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    way.pop();
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}

function reachable(imports: Imports, roots: readonly string[]): Set<string> {
  const seen = new Set<string>(roots);
  for (const file of seen) for (const next of imports.get(file) ?? []) seen.add(next);
  return seen;
}

Deno.test("imports are found in every form, and not in comments", () => {
  const text = `/** x */
import { a } from "./a.ts";
import type {
  B,
} from "../wire/b.ts";
import "./c.ts";
export * from "./d.ts";
export const lazy = () => import("./e.ts");
export type F = import("./f.ts").F;
// import { no } from "./no.ts";
/*
 * import { no } from "./no.ts";
 */
import { concat } from "@std/bytes";
export const no = "./no.ts";
`;
  const expected = ["a", "c", "d", "e", "f"].map((name) => `src/bytes/${name}.ts`);
  assert.sameMembers(importsOf("src/bytes/x.ts", text), [...expected, "src/wire/b.ts"]);
});

Deno.test("a cycle is found and named", () => {
  assert.deepEqual(findCycle(new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", []], ["d", ["b"]]])), ["b", "d", "b"]);
  assert.isUndefined(findCycle(new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", []]])));
});

Deno.test("no file of the library imports itself, on whatever way", async () => {
  const cycle = findCycle(await readLibrary());
  assert.isUndefined(cycle, cycle?.join(" -> "));
});

Deno.test("every import of the library leads to a file", async () => {
  const imports = await readLibrary();
  const lost = [...imports].flatMap(([file, to]) =>
    to.filter((other) => !imports.has(other)).map((x) => `${file}: ${x}`)
  );
  assert.deepEqual(lost, []);
});

Deno.test("no file of the library is dead: each is reached from an export or from the command", async () => {
  const imports = await readLibrary();
  const roots = Object.values(exportedFiles).map((file) => file.replace("./", ""));
  const alive = reachable(imports, [...roots, "src/cli/main.ts"]);
  assert.deepEqual([...imports.keys()].filter((file) => !alive.has(file)), []);
});

Deno.test("a client has the messages that it sends: no door but those for brokers and tools has the table of all", async () => {
  const imports = await readLibrary();
  const clients = Object.values(exportedFiles).filter((file) => !/\/(protocol|testing|arbitraries)\.ts$/.test(file));
  assert.isAtLeast(clients.length, 4);
  for (const file of clients) {
    assert.notInclude([...reachable(imports, [file.replace("./", "")])], "src/protocol/apis.ts", file);
  }
});

/** The map of the house, and what users read. */
const GUIDES: ReadonlySet<string> = new Set(["src/README.md", "src/doors/README.md", "src/testing/README.md"]);

Deno.test("no file of the library lies outside the rooms, but for the map and the guides", async () => {
  const strays: string[] = [];
  for await (const path of filesBelow(`${ROOT}src`)) {
    const file = path.slice(ROOT.length);
    if (!GUIDES.has(file) && !(file.endsWith(".ts") && FLOOR_OF.has(roomOf(file) ?? ""))) strays.push(file);
  }
  assert.deepEqual(strays, []);
});

Deno.test("nobody loads Node's HTTP but who asks for a bridge: it costs a consumer a fifth of its CPU in collected garbage", async () => {
  const eager: string[] = [];
  for await (const path of filesBelow(`${ROOT}src`)) {
    const text = path.endsWith(".ts") ? await Deno.readTextFile(path) : "";
    if (/^(?:import|export) (?!type\b)[^;]*"node:(?:https?|http2)";/m.test(text)) eager.push(path.slice(ROOT.length));
  }
  assert.deepEqual(eager, []);
});
