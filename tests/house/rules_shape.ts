/** The rules on how a file looks: its length, its first sentence, its members, the data that it exports. */

import { pathOf, SOURCE } from "./rooms.ts";

type Rule = Deno.lint.Rule;

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 500;

const lineCount = (text: string): number => text.trimEnd().split("\n").length;

/** A function fits a screen, a file a sitting. */
export const short: Rule = {
  create(context) {
    if (!SOURCE.test(pathOf(context.filename))) return {};
    const check = (node: Deno.lint.Node) => {
      const count = lineCount(context.sourceCode.getText(node));
      if (count <= FUNCTION_LINES_MAX) return;
      context.report({ node, message: `a function of ${count} lines: ${FUNCTION_LINES_MAX} fit a screen` });
    };
    return {
      FunctionDeclaration: check,
      FunctionExpression: check,
      ArrowFunctionExpression: check,
      Program(node) {
        const count = lineCount(context.sourceCode.text);
        if (count <= FILE_LINES_MAX) return;
        const range: Deno.lint.Range = [node.range[0], node.range[0] + 1];
        context.report({ range, message: `a file of ${count} lines: ${FILE_LINES_MAX} fit a sitting` });
      },
    };
  },
};

/** What is private is `#name`; only a constructor, for which there is no `#`, may say `private`. */
export const noPrivateKeyword: Rule = {
  create(context) {
    const check = (node: Deno.lint.MethodDefinition | Deno.lint.PropertyDefinition | Deno.lint.AccessorProperty) => {
      if (!node.accessibility || (node.type === "MethodDefinition" && node.kind === "constructor")) return;
      context.report({
        range: node.range,
        message: `write #name, or nothing for what is public, instead of ${node.accessibility}`,
      });
    };
    return { MethodDefinition: check, PropertyDefinition: check, AccessorProperty: check };
  },
};

/** A file is named after what is in it; these names say nothing. */
export const noDrawers: Rule = {
  create(context) {
    const name = /(?:^|\/)((?:utils?|helpers?|types?|common|misc|shared)\.m?[jt]sx?)$/.exec(pathOf(context.filename))
      ?.[1];
    if (name === undefined) return {};
    return {
      Program(node) {
        context.report({ node, message: `${name} is a drawer: name the file after what is in it` });
      },
    };
  },
};

/** Names are imported as they are called. */
export const noDefaultExport: Rule = {
  create(context) {
    if (!SOURCE.test(pathOf(context.filename))) return {};
    return {
      ExportDefaultDeclaration(node) {
        context.report({ node, message: "export it by name" });
      },
    };
  },
};

/** A file opens with a sentence that says what it is for. */
export const opensWithASentence: Rule = {
  create(context) {
    if (!/\.[jt]s$/.test(context.filename)) return {};
    return {
      Program(node) {
        const { text } = context.sourceCode;
        const comment = /^(?:#!.*\n)?\s*\/\*\*(?!\/)([^]*?)\*\//.exec(text)?.[1];
        if (comment !== undefined && /\w[^]*[.!?:]/.test(comment)) return;
        const range: Deno.lint.Range = [node.range[0], Math.min(node.range[0] + 1, text.length)];
        context.report({ range, message: "a file opens with /** a sentence that says what it is for. */" });
      },
    };
  },
};

/** Values that the generator of declarations keeps as they are, or recurses into; what is left is told. */
function* losses(node: Deno.lint.Node): Generator<[at: Deno.lint.Node, message: string]> {
  switch (node.type) {
    case "ObjectExpression":
      for (const property of node.properties) yield* propertyLosses(property);
      return;
    case "ArrayExpression":
      for (const element of node.elements) yield* losses(element);
      return;
    case "TSAsExpression":
      if (isConst(node)) yield* losses(node.expression);
      return;
    case "Literal":
    case "UnaryExpression":
    case "ArrowFunctionExpression":
    case "FunctionExpression":
      return;
    case "TemplateLiteral":
      if (node.expressions.length === 0) return;
      break;
    case "Identifier":
      if (node.name === "undefined") return;
      break;
    case "SpreadElement":
      return yield [node, "a spread is lost from the published types: write the items out"];
  }
  yield [node, "this is `any` in the published types: write `x as typeof x`, or the value itself"];
}

function* propertyLosses(property: Deno.lint.Property | Deno.lint.SpreadElement): ReturnType<typeof losses> {
  if (property.type === "SpreadElement") {
    yield [property, "a spread is lost from the published types: write the fields out"];
  } else if (property.shorthand) {
    yield [property, "a shorthand is lost from the published types: write `x: x as typeof x`"];
  } else if (property.computed) {
    yield [property, "a computed name is lost from the published types: write the name out"];
  } else yield* losses(property.value);
}

function isConst(node: Deno.lint.TSAsExpression): boolean {
  const type = node.typeAnnotation;
  return type.type === "TSTypeReference" && type.typeName.type === "Identifier" && type.typeName.name === "const";
}

/** Data that is exported `as const` reaches users of the npm package with all of its type. */
export const noLossyData: Rule = {
  create(context) {
    if (!SOURCE.test(pathOf(context.filename))) return {};
    return {
      ExportNamedDeclaration(node) {
        if (node.declaration?.type !== "VariableDeclaration") return;
        for (const { init } of node.declaration.declarations) {
          const data = init?.type === "TSSatisfiesExpression" ? init.expression : init;
          if (data?.type !== "TSAsExpression" || !isConst(data)) continue;
          for (const [at, message] of losses(data.expression)) context.report({ node: at, message });
        }
      },
    };
  },
};

/** Whoever steps around a rule says why; of the house's own rules only the length of a data plane's codec may be stepped around. */
export const ignoresSayWhy: Rule = {
  create(context) {
    return {
      Program() {
        const path = pathOf(context.filename);
        const dataPlane = /^src\/(bytes|records)\//.test(path);
        for (const comment of context.sourceCode.getAllComments()) {
          const directive = /^\s*deno-lint-ignore(?:-file)?\b([^]*)$/.exec(comment.value)?.[1];
          if (directive === undefined) continue;
          const [names = "", reason = ""] = directive.split(/\s--\s/);
          if (reason.trim().length < 10) {
            context.report({ range: comment.range, message: "say why: deno-lint-ignore RULE -- the reason" });
          }
          const house = names.split(/\s+/).filter((name) => name.startsWith("house/"));
          if (house.some((name) => name !== "house/short") || (house.length > 0 && SOURCE.test(path) && !dataPlane)) {
            context.report({
              range: comment.range,
              message: "of the house's rules only house/short is ignored, in bytes and records",
            });
          }
        }
      },
    };
  },
};
