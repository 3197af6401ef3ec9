/** What a name in a syntax tree is: a use of something outside the file, a declaration, or only the label of a property. */

interface Place {
  readonly range: Deno.lint.Range;
}

/** As much of a node as is asked here of a node's relatives. */
interface Relative extends Place {
  readonly type: string;
  readonly parent?: Relative;
  readonly computed?: boolean;
  readonly shorthand?: boolean;
  readonly params?: readonly Place[];
  readonly id?: Place | null;
  readonly key?: Place;
  readonly left?: Place;
  readonly local?: Place;
  readonly param?: Place | null;
  readonly property?: Place;
  readonly right?: Place;
  readonly value?: Place;
}

const HOLDS_PARAMETERS = new Set([
  "ArrowFunctionExpression",
  "FunctionDeclaration",
  "FunctionExpression",
  "TSDeclareFunction",
  "TSEmptyBodyFunctionExpression",
  "TSFunctionType",
  "TSConstructorType",
  "TSMethodSignature",
  "TSCallSignatureDeclaration",
  "TSConstructSignatureDeclaration",
]);

const DECLARES = new Set([
  "VariableDeclarator",
  "FunctionDeclaration",
  "FunctionExpression",
  "TSDeclareFunction",
  "ClassDeclaration",
  "ClassExpression",
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
]);

const IMPORTS = new Set(["ImportSpecifier", "ImportDefaultSpecifier", "ImportNamespaceSpecifier"]);

const LABELLED = new Set([
  "Property",
  "PropertyDefinition",
  "AccessorProperty",
  "MethodDefinition",
  "TSPropertySignature",
  "TSMethodSignature",
  "TSAbstractMethodDefinition",
  "TSAbstractPropertyDefinition",
]);

const same = (a: Place | null | undefined, b: Place): boolean =>
  a != null && a.range[0] === b.range[0] && a.range[1] === b.range[1];

/** Whether this identifier is the label of a member, and not a value: `x.name`, `{ name: … }`, `name(): …`, `label:`. */
export function isLabel(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as unknown as Relative;
  switch (parent.type) {
    case "MemberExpression":
      return same(parent.property, node) && !parent.computed;
    case "TSQualifiedName":
      return same(parent.right, node);
    case "ImportSpecifier":
      return !same(parent.local, node);
    case "MetaProperty":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "TSNamedTupleMember":
      return true;
    default:
      return LABELLED.has(parent.type) && same(parent.key, node) && !parent.computed && !parent.shorthand;
  }
}

/** Whether this identifier declares a name of the file's own: a variable, a parameter, a function, an import. */
export function isDeclaration(node: Deno.lint.Identifier): boolean {
  let child: Place = node;
  for (let parent = node.parent as unknown as Relative | undefined; parent; child = parent, parent = parent.parent) {
    if (IMPORTS.has(parent.type)) return same(parent.local, child);
    if (DECLARES.has(parent.type) && same(parent.id, child)) return true;
    if (HOLDS_PARAMETERS.has(parent.type)) return parent.params?.some((parameter) => same(parameter, child)) ?? false;
    if (parent.type === "CatchClause") return same(parent.param, child);
    if (!continuesPattern(parent, child)) return false;
  }
  return false;
}

function continuesPattern(parent: Relative, child: Place): boolean {
  if (parent.type === "AssignmentPattern") return same(parent.left, child);
  if (parent.type === "Property") return same(parent.value, child) && parent.parent?.type === "ObjectPattern";
  return parent.type === "ArrayPattern" || parent.type === "ObjectPattern" || parent.type === "RestElement";
}

/** A visitor that tells, at the end of the file, which of the given global names it uses without having declared them. */
export function globalsUsed(
  names: ReadonlySet<string>,
  tell: (node: Deno.lint.Identifier | Deno.lint.MemberExpression, name: string) => void,
): Deno.lint.LintVisitor {
  const uses: Deno.lint.Identifier[] = [];
  const own = new Set<string>();
  return {
    Identifier(node: Deno.lint.Identifier) {
      if (!names.has(node.name) || isLabel(node)) return;
      if (isDeclaration(node)) own.add(node.name);
      else uses.push(node);
    },
    MemberExpression(node: Deno.lint.MemberExpression) {
      if (node.object.type !== "Identifier" || !["globalThis", "self"].includes(node.object.name)) return;
      const name = memberName(node);
      if (name !== undefined && names.has(name)) tell(node, name);
    },
    "Program:exit"() {
      for (const use of uses) if (!own.has(use.name)) tell(use, use.name);
    },
  };
}

/** The name after the dot, or in the brackets where it is written out. */
export function memberName(node: Deno.lint.MemberExpression): string | undefined {
  if (!node.computed) return node.property.type === "Identifier" ? node.property.name : undefined;
  return node.property.type === "Literal" && typeof node.property.value === "string" ? node.property.value : undefined;
}

/** `Object.member` of a member expression, as `Date.now`; also behind `globalThis`. */
export function dotted(node: Deno.lint.Node): string | undefined {
  if (node.type !== "MemberExpression") return undefined;
  const owner = node.object.type === "MemberExpression" ? memberName(node.object) : undefined;
  const object = node.object.type === "Identifier" ? node.object.name : owner;
  const member = memberName(node);
  return object === undefined || member === undefined ? undefined : `${object}.${member}`;
}
