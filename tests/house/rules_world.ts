/** The rules that keep platforms, the real clock, chance and engine-made order out of the library. */

import { dotted, globalsUsed, memberName } from "./names.ts";
import { pathOf, PLATFORM_FILE, PORTABLE_TESTS, PROMISE_FILE, SOURCE, STREAMS_FILE, WORLD_FILE } from "./rooms.ts";

type Rule = Deno.lint.Rule;

/** A rule for the files of the library, but for those that are exempt by name. */
function inSource(exempt: RegExp | undefined, create: Rule["create"]): Rule {
  return {
    create(context) {
      const path = pathOf(context.filename);
      return SOURCE.test(path) && !exempt?.test(path) ? create(context) : {};
    },
  };
}

const PLATFORM = new Set([
  "Deno",
  "Bun",
  "process",
  "Buffer",
  "require",
  "__dirname",
  "__filename",
  "window",
  "global",
]);

/** A platform is named by adapters, doors and the command's entry; portable tests name none either. */
export const noPlatform: Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if ((!SOURCE.test(path) && !PORTABLE_TESTS.test(path)) || PLATFORM_FILE.test(path)) return {};
    return globalsUsed(PLATFORM, (node, name) => {
      context.report({ node, message: `${name} exists on one platform only: it belongs in an adapter or a door` });
    });
  },
};

const WORLDLY = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "performance",
  "requestAnimationFrame",
  "MessageChannel",
  "BroadcastChannel",
]);
const WORLDLY_MEMBERS = new Set([
  "Date.now",
  "Math.random",
  "crypto.getRandomValues",
  "crypto.randomUUID",
  "Atomics.waitAsync",
]);

/** Time and chance come from the world that was passed in. */
export const noWorld: Rule = inSource(WORLD_FILE, (context) => {
  const tell = (node: Deno.lint.Node, name: string) =>
    context.report({ node, message: `${name} is the real world's: ask the World that was passed in` });
  const globals = globalsUsed(WORLDLY, tell);
  return {
    ...globals,
    MemberExpression(node: Deno.lint.MemberExpression) {
      globals.MemberExpression?.(node);
      const name = dotted(node);
      if (name !== undefined && WORLDLY_MEMBERS.has(name)) tell(node, name);
    },
    NewExpression(node) {
      if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
        tell(node, "new Date()");
      }
    },
    CallExpression(node) {
      if (node.callee.type === "Identifier" && node.callee.name === "Date") tell(node, "Date()");
    },
  };
});

/** No text becomes code, not even as a probe: the library runs under a strict content security policy. */
export const noEval: Rule = inSource(
  undefined,
  (context) =>
    globalsUsed(new Set(["eval", "Function"]), (node, name) => {
      if (node.parent.type === "TSTypeReference") return;
      context.report({ node, message: `${name} makes code of text, which a strict content security policy forbids` });
    }),
);

const STREAMS = new Set([
  "ReadableStream",
  "WritableStream",
  "TransformStream",
  "CompressionStream",
  "DecompressionStream",
  "TextDecoderStream",
  "TextEncoderStream",
]);

/** Web streams take another number of turns on every engine. */
export const noStreams: Rule = inSource(STREAMS_FILE, (context) =>
  globalsUsed(STREAMS, (node, name) => {
    context.report({
      node,
      message: `${name} settles in another number of turns on every engine: use the three verbs of Transport`,
    });
  }));

const UNEQUAL_MEMBERS = new Map([
  ["Promise.try", "takes another number of turns on every engine, and Node 22 lacks it"],
  ["Array.fromAsync", "takes another number of turns on every engine: await Promise.all"],
  ["AbortSignal.any", "fires in another order on every engine: use a Deadline of src/base/async.ts"],
  ["AbortSignal.timeout", "runs on the real clock: use a Deadline of src/base/async.ts"],
  ["Date.parse", "depends on the engine"],
]);
const INEXACT_MATH = new Set([
  ...["log", "log2", "log10", "log1p", "exp", "expm1", "pow", "cbrt", "hypot"],
  ...["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"],
]);

/** What engines do in another order or round in another way, so that one seed has one trace on all of them. */
export const samePlay: Rule = inSource(undefined, (context) => {
  const power = "** is rounded in another way by every engine: multiply, or write the number out";
  return {
    MemberExpression(node) {
      const name = dotted(node);
      if (name === undefined) return;
      const why = UNEQUAL_MEMBERS.get(name);
      if (why !== undefined) return context.report({ node, message: `${name} ${why}` });
      const [object, member] = name.split(".") as [string, string];
      if (object === "Math" && INEXACT_MATH.has(member)) {
        context.report({ node, message: `${name} is rounded in another way by every engine` });
      }
    },
    CallExpression(node) {
      if (node.callee.type !== "MemberExpression") return;
      const name = memberName(node.callee);
      if (name === "finally") {
        context.report({ node, message: "finally() takes another number of turns on every engine: use try … finally" });
      } else if (name === "localeCompare") {
        context.report({ node, message: "localeCompare depends on the machine's language: compare with <" });
      }
    },
    BinaryExpression(node) {
      if (node.operator === "**") context.report({ node, message: power });
    },
    AssignmentExpression(node) {
      if (node.operator === "**=") context.report({ node, message: power });
    },
    VariableDeclaration(node) {
      if (node.kind === "await using") {
        context.report({ node, message: "await using takes more turns where it is lowered: use try … finally" });
      }
    },
    AwaitExpression(node) {
      const { argument } = node;
      const nothing = argument.type === "Literal" ||
        (argument.type === "Identifier" && argument.name === "undefined") ||
        (argument.type === "UnaryExpression" && argument.operator === "void");
      if (nothing) {
        context.report({ node, message: "waiting for nothing counts on the order of others: wait for what is needed" });
      }
    },
    ForOfStatement(node) {
      if (node.await && node.right.type === "ArrayExpression") {
        context.report({
          node,
          message: "for await over a plain list does not close it on every engine: await Promise.all",
        });
      }
    },
  };
});

/** A promise that is settled by hand has a name, so that a deadlock can be told. */
export const namedPromises: Rule = inSource(PROMISE_FILE, (context) => {
  const message = "a promise made by hand is called world.deferred(name), so that a deadlock can name it";
  return {
    NewExpression(node) {
      if (node.callee.type === "Identifier" && node.callee.name === "Promise") context.report({ node, message });
    },
    MemberExpression(node) {
      if (dotted(node) === "Promise.withResolvers") context.report({ node, message });
    },
  };
});
