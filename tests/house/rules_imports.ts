/** The rules on who may import whom, and from outside what. */

import { DEPENDENCIES, forbidden, pathOf, PLATFORM_FILE, PORTABLE_TESTS, resolve, SOURCE } from "./rooms.ts";

type Rule = Deno.lint.Rule;

/** Calls `see` with every specifier that a file imports or re-exports, types and dynamic imports included. */
function specifiers(see: (node: Deno.lint.Node, specifier: string | undefined) => void): Deno.lint.LintVisitor {
  const literal = (node: Deno.lint.Node | null | undefined): string | undefined =>
    node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
  return {
    ImportDeclaration: (node) => see(node, node.source.value),
    ExportAllDeclaration: (node) => see(node, node.source.value),
    ExportNamedDeclaration(node) {
      if (node.source) see(node, node.source.value);
    },
    ImportExpression: (node) => see(node, literal(node.source)),
    TSImportType: (node) =>
      see(node, node.argument.type === "TSLiteralType" ? literal(node.argument.literal as Deno.lint.Node) : undefined),
  };
}

/** A room imports only from lower floors and from itself. */
export const floors: Rule = {
  create(context) {
    const from = pathOf(context.filename);
    if (!SOURCE.test(from)) return {};
    return specifiers((node, specifier) => {
      if (specifier === undefined) {
        return context.report({
          node,
          message: "an import whose file is only known when it runs has no floor: name the file",
        });
      }
      if (!specifier.startsWith(".")) return;
      const message = forbidden(from, resolve(from, specifier));
      if (message !== undefined) context.report({ node, message });
    });
  },
};

/** Other people's packages are imported by the rooms that DESIGN names, and by nobody else. */
export const dependencies: Rule = {
  create(context) {
    const from = pathOf(context.filename);
    if (!SOURCE.test(from)) return {};
    return specifiers((node, specifier) => {
      if (specifier === undefined || specifier.startsWith(".") || specifier.startsWith("node:")) return;
      const allowed = DEPENDENCIES[specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")];
      if (allowed?.test(from)) return;
      context.report({
        node,
        message: allowed
          ? `"${specifier}" is only for ${allowed.source}`
          : `"${specifier}" is not among the dependencies: see tests/house/rooms.ts`,
      });
    });
  },
};

/** `node:` modules belong to adapters, doors and the command's entry; portable tests have none of them either. */
export const noNodeModules: Rule = {
  create(context) {
    const from = pathOf(context.filename);
    if ((!SOURCE.test(from) && !PORTABLE_TESTS.test(from)) || PLATFORM_FILE.test(from)) return {};
    return specifiers((node, specifier) => {
      if (specifier?.startsWith("node:")) {
        context.report({ node, message: `"${specifier}" belongs in an adapter or a door` });
      }
    });
  },
};

/** What tests the npm package sees only what its users see. */
export const publicNames: Rule = {
  create(context) {
    const from = pathOf(context.filename);
    if (!from.startsWith("tests/package/")) return {};
    return specifiers((node, specifier) => {
      if (specifier === undefined || !specifier.startsWith(".")) return;
      const to = resolve(from, specifier);
      if (SOURCE.test(to)) context.report({ node, message: `${to} is not public: import from @samsa/kafka` });
    });
  },
};
