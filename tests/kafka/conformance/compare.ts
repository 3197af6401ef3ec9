/** What our messages and Kafka's definitions of them do not agree upon, in words. */

import type { Api, Embedded, Struct } from "../../../src/wire/schema.ts";
import { type Definition, type Definitions, includes, type Range, rangeOf, stableVersions } from "./definitions.ts";
import { type Item, kafkaItems, kafkaTimeless, ourItems, ourTimeless, type Timeless } from "./flat.ts";

/** What one release says of a message. */
interface Said {
  readonly release: string;
  readonly definition: Definition;
}

const told = (item: Item | Timeless): string =>
  Object.entries(item).filter(([name]) => name !== "path").map(([name, value]) => `${name} ${value}`).join(", ");

/** Fields of one version. */
function versionDifferences(ours: readonly Item[], theirs: readonly Item[]): string[] {
  const [ourPaths, theirPaths] = [ours, theirs].map((items) => new Map(items.map((item) => [item.path, item])));
  const found = [
    ...theirs.filter(({ path }) => !ourPaths!.has(path)).map(({ path }) => `${path} is missing`),
    ...ours.filter(({ path }) => !theirPaths!.has(path)).map(({ path }) => `${path} is too much`),
    ...ours.flatMap((item) => {
      const other = theirPaths!.get(item.path);
      return other === undefined || told(item) === told(other)
        ? []
        : `${item.path} has ${told(item)}, not ${told(other)}`;
    }),
  ];
  if (found.length > 0) return found;
  const at = ours.findIndex(({ path }, i) => theirs[i]!.path !== path);
  return at === -1 ? [] : [`${ours[at]!.path} stands where ${theirs[at]!.path} should`];
}

/** A struct of ours in a range of versions, against what the releases say of it, the newest first. */
function structDifferences(struct: Struct, range: Range, name: string, said: readonly Said[]): string[] {
  const found: string[] = [];
  for (let version = range[0]; version <= range[1]; version++) {
    const knowing = said.filter(({ definition }) => includes(rangeOf(definition.validVersions), version));
    if (knowing.length === 0) found.push(`${name} v${version}: no release has it`);
    for (const { release, definition } of knowing) {
      const differences = versionDifferences(ourItems(struct, version), kafkaItems(definition, version));
      found.push(...differences.map((detail) => `${name} v${version} of ${release}: ${detail}`));
    }
  }
  const theirs = new Map<string, Timeless>();
  for (const { definition } of said) {
    for (const [path, timeless] of kafkaTimeless(definition, range)) if (!theirs.has(path)) theirs.set(path, timeless);
  }
  for (const [path, timeless] of ourTimeless(struct)) {
    const other = theirs.get(path);
    if (other === undefined) found.push(`${name}: no release has ${path}`);
    else if (told(timeless) !== told(other)) found.push(`${name}: ${path} has ${told(timeless)}, not ${told(other)}`);
  }
  return found;
}

const namedBy = (all: readonly Definitions[], is: (definition: Definition) => boolean): Said[] =>
  all.flatMap(({ release, all }) => all.filter(is).map((definition) => ({ release, definition })))
    // 4.0 has left the names of what it dropped behind, with nothing in them
    .filter(({ definition }) => definition.validVersions !== "none");

/** From the lowest to the highest version that some release speaks. */
function spoken(said: readonly Said[]): Range {
  const ranges = said.map(({ definition }) => stableVersions(definition)).filter(([first, last]) => first <= last);
  return [Math.min(...ranges.map(([first]) => first)), Math.max(...ranges.map(([, last]) => last))];
}

/** One API of ours against the definitions, which stand there with the newest release first. */
export function apiDifferences(api: Api, all: readonly Definitions[]): string[] {
  const requests = namedBy(all, ({ type, apiKey }) => type === "request" && apiKey === api.key);
  const responses = namedBy(all, ({ type, apiKey }) => type === "response" && apiKey === api.key);
  if (requests.length === 0) return [`${api.name}: no release has the key ${api.key}`];
  const found: string[] = [];
  for (const { release, definition } of [...requests, ...responses]) {
    const name = definition.name.replace(/(Request|Response)$/, "");
    if (name !== api.name) found.push(`${api.name} of ${release}: it is called ${name}`);
    const [valid, flexible] = [rangeOf(definition.validVersions), rangeOf(definition.flexibleVersions)];
    for (let version = valid[0]; version <= valid[1]; version++) {
      if (!includes(api.versions, version) || includes(flexible, version) === version >= api.flexible) continue;
      found.push(`${definition.name} v${version} of ${release}: flexible there or here, but not both`);
    }
  }
  const range = spoken(requests);
  if (range.join() !== api.versions.join()) {
    found.push(`${api.name}: versions ${api.versions.join(" to ")}, not ${range.join(" to ")}`);
  }
  return [
    ...found,
    ...structDifferences(api.request, api.versions, `${api.name} request`, requests),
    ...structDifferences(api.response, api.versions, `${api.name} response`, responses),
  ];
}

/** A message within messages against the definitions. */
export function embeddedDifferences({ name, versions, fields }: Embedded, all: readonly Definitions[]): string[] {
  const said = namedBy(all, (definition) => definition.type === "data" && definition.name === name);
  const range = spoken(said);
  return [
    ...range.join() === versions.join()
      ? []
      : [`${name}: versions ${versions.join(" to ")}, not ${range.join(" to ")}`],
    ...said.filter(({ definition }) => definition.flexibleVersions !== "none").map(() => `${name}: it is flexible`),
    ...structDifferences(fields, versions, name, said),
  ];
}
