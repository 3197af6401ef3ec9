/** The plan of the house: which room stands on which floor, and who may name what. The lint rules and the import check read it. */

import { ROOT } from "../../npm-build/project.ts";

/** The rooms, lowest floor first. A room imports from lower floors and from itself. */
export const FLOORS: readonly (readonly string[])[] = [
  ["base"],
  ["bytes"],
  ["wire"],
  ["protocol"],
  ["records", "transport"],
  ["connection", "zookeeper"],
  ["cluster"],
  ["producer", "consumer", "group", "admin"],
  ["client"],
  ["testing"],
  ["doors"],
  ["cli"],
];

/** On which floor each room stands. */
export const FLOOR_OF: ReadonlyMap<string, number> = new Map(
  FLOORS.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)),
);

/** Rooms on lower floors that are still none of a room's business. */
export const STRANGERS: Readonly<Record<string, readonly string[]>> = {
  transport: ["wire", "protocol"],
  zookeeper: ["protocol", "records"],
};

/** What other people's packages are for, and who may import them. */
export const DEPENDENCIES: Readonly<Record<string, RegExp>> = {
  "@std/bytes": /^src\/(wire|zookeeper)\//,
  "ws": /^src\/doors\/bridge_node\.ts$/,
  "fast-check": /^src\/(doors\/arbitraries\.ts$|testing\/arbitraries\/)/,
};

/** The files that speak to a platform's sockets; each is imported by the door of its own name and by nobody else. */
export const ADAPTER = /^src\/transport\/(deno|node|bun)\.ts$/;

/** The files that need fast-check, which users of anything else do not have: only their door and themselves import them. */
export const ARBITRARIES = /^src\/testing\/arbitraries\//;

/** The files that may name a platform: adapters, doors, and the command's entry. */
export const PLATFORM_FILE = /^src\/(transport\/(deno|node|bun)|doors\/\w+|cli\/main)\.ts$/;

/** The files that may ask for the real time and the real chance: the world, and what builds a simulated one in its place. */
export const WORLD_FILE = /^src\/(base\/world|testing\/(reality|turns))\.ts$/;

/** The files that may make a promise by hand: everybody else asks the world for a named one. */
export const PROMISE_FILE = /^src\/(base\/\w+|transport\/(deno|node|bun|inbox)|testing\/(world|reality|turns))\.ts$/;

/** The one file with web streams: the codecs of a page. */
export const STREAMS_FILE = /^src\/doors\/(websocket|web_codecs)\.ts$/;

/** What holds the library: `src` and the list of what it exports. */
export const SOURCE = /^(src\/|mod\.ts$)/;

/** Tests that run on every platform, and so may name none. */
export const PORTABLE_TESTS = /^tests\/(unit|property|simulation)\//;

/** A file's path from the top of the repository, with `/`. */
export function pathOf(file: string): string {
  const path = file.replaceAll("\\", "/");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}

/** The room of a path from the top of the repository; undefined outside `src` and for files that lie in none. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Where a relative import leads, as a path from the top of the repository. */
export function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** Why this file may not import that one; undefined if it may. */
export function forbidden(from: string, to: string): string | undefined {
  const here = from === "mod.ts" ? "client" : roomOf(from);
  const there = roomOf(to);
  if (to === "mod.ts") {
    return here === "doors" || here === "cli" ? undefined : "mod.ts is for doors and users: import the room's own file";
  }
  if (there === undefined) return `${to} lies in no room of the house`;
  const adapter = ADAPTER.exec(to)?.[1];
  if (adapter !== undefined && from !== `src/doors/${adapter}.ts`) {
    return `an adapter is imported by its door alone, src/doors/${adapter}.ts`;
  }
  if (ARBITRARIES.test(to) && !ARBITRARIES.test(from) && from !== "src/doors/arbitraries.ts") {
    return "the arbitraries need fast-check: they are imported by their door alone, src/doors/arbitraries.ts";
  }
  if (here === undefined || here === there) return undefined;
  const floor = FLOOR_OF.get(here), below = FLOOR_OF.get(there);
  if (floor === undefined) return `there is no room called ${here}: see tests/house/rooms.ts`;
  if (below === undefined) return `there is no room called ${there}: see tests/house/rooms.ts`;
  if (from === "mod.ts" && below === floor) return undefined;
  if (below === floor) return `${here} and ${there} stand on one floor and may not know each other`;
  if (below > floor) return `${here} stands on floor ${floor}, under ${there} on floor ${below}: imports go down`;
  return STRANGERS[here]?.includes(there) ? `${here} has no business with ${there}` : undefined;
}
