/** Every rule of the house refuses what it is there to refuse, and lets pass what only looks like it. */

import { assert } from "chai";
import { ROOT } from "../../npm-build/project.ts";
import plugin from "./lint.ts";

/** The rules that `source` breaks when it lies at `path`. */
function broken(path: string, source: string): string[] {
  const text = /^(#!|\/\*)/.test(source) ? source : `/** A file of the test. */\n${source}`;
  return Deno.lint.runPlugin(plugin, ROOT + path, text).map(({ id }) => id.replace("house/", ""));
}

interface Cases {
  /** Each breaks the rule, and no other one. */
  readonly bad: readonly (readonly [path: string, source: string])[];
  /** None breaks any rule. */
  readonly good: readonly (readonly [path: string, source: string])[];
}

const lines = (count: number): string => "  f();\n".repeat(count);

const core = (...sources: string[]) => sources.map((source) => ["src/wire/a.ts", source] as const);

const cases: Record<string, Cases> = {
  "floors": {
    bad: [
      ["src/base/a.ts", `import { a } from "../bytes/reader.ts";`],
      ["src/wire/a.ts", `import type { a } from "../protocol/fetch.ts";`],
      ["src/wire/a.ts", `export * from "../protocol/fetch.ts";`],
      ["src/wire/a.ts", `export { a } from "../protocol/fetch.ts";`],
      ["src/wire/a.ts", `const a = await import("../protocol/fetch.ts");`],
      ["src/wire/a.ts", `type A = import("../protocol/fetch.ts").A;`],
      ["src/wire/a.ts", `const a = await import(name);`],
      ["src/records/a.ts", `import { a } from "../transport/memory.ts";`],
      ["src/transport/memory.ts", `import { a } from "../wire/frames.ts";`],
      ["src/zookeeper/a.ts", `import { a } from "../records/builder.ts";`],
      ["src/zookeeper/a.ts", `import { a } from "../connection/connection.ts";`],
      ["src/producer/a.ts", `import { a } from "../consumer/consumer.ts";`],
      ["src/client/a.ts", `import { a } from "../doors/deno.ts";`],
      ["src/client/a.ts", `import { a } from "../transport/node.ts";`],
      ["src/client/a.ts", `import { a } from "../testing/cluster.ts";`],
      ["src/testing/a.ts", `import { a } from "./arbitraries/messages.ts";`],
      ["src/doors/testing.ts", `import { a } from "../testing/arbitraries/messages.ts";`],
      ["src/transport/memory.ts", `import { a } from "./node.ts";`],
      ["src/doors/bun.ts", `import { a } from "../transport/node.ts";`],
      ["src/client/a.ts", `import { a } from "../../mod.ts";`],
      ["src/client/a.ts", `import { a } from "../../tests/harness.ts";`],
      ["src/attic/a.ts", `import { a } from "../base/world.ts";`],
      ["mod.ts", `export * from "./src/doors/deno.ts";`],
      ["mod.ts", `export * from "./src/testing/cluster.ts";`],
    ],
    good: [
      ["src/wire/a.ts", `import { a } from "../bytes/reader.ts";\nimport { b } from "./schema.ts";`],
      ["src/group/a.ts", `import { a } from "../zookeeper/session.ts";`],
      ["src/doors/node.ts", `export * from "../../mod.ts";\nimport { dial } from "../transport/node.ts";`],
      ["src/doors/node.ts", `import { gzip } from "./zlib.ts";`],
      ["src/doors/arbitraries.ts", `import { a } from "../testing/arbitraries/messages.ts";`],
      ["src/testing/arbitraries/a.ts", `import { a } from "./b.ts";`],
      [
        "src/cli/main.ts",
        `import { connect } from "../doors/deno.ts";\nimport { Cluster } from "../testing/cluster.ts";`,
      ],
      ["mod.ts", `export { KafkaError } from "./src/base/errors.ts";\nexport * from "./src/client/client.ts";`],
      ["tests/unit/a_test.ts", `import { a } from "../../src/transport/node.ts";`],
    ],
  },
  "dependencies": {
    bad: [
      ["src/wire/a.ts", `import { compress } from "snappyjs";`],
      ["src/records/a.ts", `import { concat } from "@std/bytes";`],
      ["src/testing/a.ts", `import fc from "fast-check";`],
      ["src/base/a.ts", `import lodash from "npm:lodash";`],
    ],
    good: [
      ["src/wire/a.ts", `import { concat } from "@std/bytes/concat";`],
      ["src/doors/arbitraries.ts", `import fc from "fast-check";`],
      ["src/testing/arbitraries/a.ts", `import fc from "fast-check";`],
      ["tests/unit/a_test.ts", `import { assert } from "chai";`],
    ],
  },
  "no-node-modules": {
    bad: [
      ["src/records/gzip.ts", `import { gunzipSync } from "node:zlib";`],
      ["src/transport/memory.ts", `import net from "node:net";`],
      ["tests/property/a_test.ts", `import { readFileSync } from "node:fs";`],
    ],
    good: [
      ["src/transport/node.ts", `import net from "node:net";`],
      ["src/doors/zlib.ts", `import { gunzipSync } from "node:zlib";`],
      ["tests/transport/a_test.ts", `import net from "node:net";`],
    ],
  },
  "public-names": {
    bad: [["tests/package/a_test.ts", `import { Reader } from "../../src/bytes/reader.ts";`]],
    good: [[
      "tests/package/a_test.ts",
      `import { connect } from "@samsa/kafka/node";\nimport { test } from "../harness.ts";`,
    ]],
  },
  "no-platform": {
    bad: [
      ...core(
        `Deno.exit();`,
        `const b = Buffer.from("x");`,
        `const e = process.env;`,
        `const g = globalThis.process;`,
        `const g = globalThis["Deno"];`,
        `const x = { process };`,
        `const w = typeof window;`,
        `const f = require("fs");`,
        `let socket: Bun.Socket;`,
      ),
      ["tests/unit/a_test.ts", `Deno.readTextFileSync("x");`],
    ],
    good: [
      ...core(
        `world.process("b"); const x = { process: 1, Buffer: 2 }; class A { process() {} }`,
        `export function run(process: () => void) { process(); }`,
        `const { window } = options; use(window);`,
        `interface A { process(name: string): void; readonly global: number }`,
      ),
      ["src/transport/deno.ts", `Deno.connect({ port: 1 });`],
      ["src/doors/bun.ts", `Bun.gzipSync(x);`],
      ["tests/house/a_test.ts", `Deno.exit();`],
    ],
  },
  "no-world": {
    bad: [
      ...core(
        `Date.now();`,
        `new Date();`,
        `Date();`,
        `performance.now();`,
        `setTimeout(f, 1);`,
        `globalThis.setTimeout(f, 1);`,
        `queueMicrotask(f);`,
        `Math.random();`,
        `crypto.getRandomValues(a);`,
        `globalThis.crypto.randomUUID();`,
        `new MessageChannel();`,
      ),
      ["src/testing/broker.ts", `setImmediate(f);`],
      ["src/transport/node.ts", `setTimeout(f, 1);`],
    ],
    good: [
      ...core(`new Date(0); world.setTimeout(f); const performance = 1; use(performance);`),
      ["src/base/world.ts", `Date.now(); setTimeout(f, 1); Math.random();`],
      ["src/testing/turns.ts", `setImmediate(f);`],
      ["tests/unit/a_test.ts", `Date.now();`],
    ],
  },
  "no-eval": {
    bad: core(`eval("1");`, `new Function("return 1");`, `Function("return 1");`, `globalThis.eval("1");`),
    good: core(`let f: Function; class A { eval() {} }`),
  },
  "no-streams": {
    bad: core(`new ReadableStream();`, `x.pipeThrough(new CompressionStream("gzip"));`, `let s: TransformStream;`),
    good: [["src/doors/websocket.ts", `new CompressionStream("gzip");`], ["tests/unit/a.ts", `new ReadableStream();`]],
  },
  "same-play": {
    bad: core(
      `p.finally(f);`,
      `Promise.try(f);`,
      `Array.fromAsync(x);`,
      `AbortSignal.any([a, b]);`,
      `AbortSignal.timeout(1);`,
      `Date.parse(x);`,
      `Math.log2(x);`,
      `Math.pow(x, 2);`,
      `const x = 2 ** 31;`,
      `x **= 2;`,
      `await null;`,
      `await undefined;`,
      `await 0;`,
      `await void 0;`,
      `async function f() { await using x = y(); }`,
      `for await (const x of [a, b]) f(x);`,
      `names.sort((a, b) => a.localeCompare(b));`,
    ),
    good: [
      ...core(
        `try { f(); } finally { g(); }`,
        `await Promise.all([a, b]); Math.sqrt(x); Math.floor(x); x * x;`,
        `for await (const x of source) f(x); await f();`,
      ),
      ["tests/unit/a_test.ts", `await using x = y(); p.finally(f); await null;`],
    ],
  },
  "named-promises": {
    bad: [
      ...core(`new Promise((resolve) => f(resolve));`, `Promise.withResolvers();`),
      ["src/transport/memory.ts", `new Promise(f);`],
    ],
    good: [
      ...core(`world.deferred("answer"); Promise.resolve(1); let p: Promise<void>;`),
      ["src/transport/inbox.ts", `new Promise(f);`],
      ["src/base/async.ts", `Promise.withResolvers();`],
    ],
  },
  "short": {
    bad: [
      ["src/wire/a.ts", `function f() {\n${lines(69)}}`],
      ["src/wire/a.ts", `class A {\n  #f() {\n${lines(69)}  }\n}`],
      ["src/wire/a.ts", `const f = () => {\n${lines(69)}};`],
      ["src/wire/a.ts", lines(500)],
    ],
    good: [
      ["src/wire/a.ts", `function f() {\n${lines(68)}}`],
      ["src/wire/a.ts", lines(499)],
      ["tests/unit/a_test.ts", lines(600)],
    ],
  },
  "no-private-keyword": {
    bad: core(
      `class A { private a = 1; }`,
      `class A { private f() {} }`,
      `class A { protected readonly a: number; }`,
      `class A { public f() {} }`,
      `class A { private static f() {} }`,
    ),
    good: core(`class A { #a = 1; readonly b = 2; private constructor() {} #f() {} }`),
  },
  "no-drawers": {
    bad: [["src/wire/utils.ts", ""], ["src/base/types.ts", ""], ["tests/helpers.ts", ""], ["tests/helper.mjs", ""]],
    good: [["src/wire/codec.ts", ""], ["tests/unit/types_test.ts", ""], ["src/records/record_types.ts", ""]],
  },
  "no-default-export": {
    bad: core(`export default 1;`, `export default class A {}`),
    good: [...core(`export const a = 1;`), ["tests/house/lint.ts", `export default 1;`]],
  },
  "opens-with-a-sentence": {
    bad: [
      ["src/wire/a.ts", `/* An ordinary comment. */\nf();`],
      ["src/cli/main.ts", `#!/usr/bin/env node\nf();\n/** Too late. */`],
      ["tests/unit/a_test.ts", `/** nothing */\nf();`],
    ],
    good: [
      ["src/wire/a.ts", `/** What it is for. */\nf();`],
      ["src/wire/a.ts", `/**\n * What it is for:\n * this.\n */\nf();`],
      ["src/cli/main.ts", `#!/usr/bin/env node\n/** The command. */\nf();`],
    ],
  },
  "no-lossy-data": {
    bad: core(
      `export const a = { b } as const;`,
      `export const a = { b: inner } as const satisfies Api;`,
      `export const a = { ...inner } as const;`,
      `export const a = { b: [inner] } as const;`,
      `export const a = [...inner] as const;`,
      `export const a = { b: inner.c } as const;`,
      `export const a = { b: f() } as const;`,
      `export const a = { [b]: 1 } as const;`,
      `export const a = { b: { c: { d } } } as const satisfies Api;`,
    ),
    good: core(
      `export const a = { b: 1, c: ["d", { e: -1 }], f: null, g: undefined, h: 1n, i: true } as const satisfies Api;`,
      `export const a = { b: inner as typeof inner, c: [inner as typeof inner] } as const;`,
      `const a = { b, ...c } as const; export const d = { b };`,
      `export const a = { b: "x" as const, c: \`y\` } as const;`,
    ),
  },
  "ignores-say-why": {
    bad: [
      ["src/wire/a.ts", `// deno-lint-ignore no-explicit-any\nlet a: any;`],
      ["src/wire/a.ts", `// deno-lint-ignore house/floors -- it was easier to write\nf();`],
      ["src/wire/a.ts", `// deno-lint-ignore house/short -- it was easier to write\nf();`],
      ["tests/unit/a_test.ts", `// deno-lint-ignore-file\nf();`],
    ],
    good: [
      ["src/wire/a.ts", `// deno-lint-ignore no-explicit-any -- the caller's own type, erased\nlet a: any;`],
      ["src/records/a.ts", `// deno-lint-ignore house/short -- one pass is a third faster\nf();`],
    ],
  },
};

for (const [rule, { bad, good }] of Object.entries(cases)) {
  Deno.test(`the rule ${rule} refuses ${bad.length} bad forms and lets ${good.length} good ones pass`, () => {
    for (const [path, source] of bad) {
      assert.deepEqual([...new Set(broken(path, source))], [rule], `${path}: ${source}`);
    }
    for (const [path, source] of good) assert.deepEqual(broken(path, source), [], `${path}: ${source}`);
  });
}

Deno.test("every rule of the house has its cases here", () => {
  assert.sameMembers(Object.keys(plugin.rules), Object.keys(cases));
});
