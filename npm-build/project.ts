/** What this project is called, where it lies and what it exports, as `deno.json` says it. */

import config from "../deno.json" with { type: "json" };

/** The top of the repository; ends with `/`. */
export const ROOT: string = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** The package's name. */
export const packageName: string = config.name;

/** Its version. */
export const version: string = config.version;

/** Which versions of the packages that it uses will do. */
export const versionsOf: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(config.imports).map(([name, specifier]) => [name, specifier.slice(specifier.lastIndexOf("@") + 1)]),
);

/** The files by the name under which users import them: `.`, `./deno`, … */
export const exportedFiles: Readonly<Record<string, string>> = config.exports;

/** The doors that name a platform; all others have to run in a page too. */
const PLATFORM_DOORS = ["./deno", "./node", "./bun"];

/** The exported files that know no platform. */
export const coreFiles: readonly string[] = Object.entries(exportedFiles)
  .filter(([name]) => !PLATFORM_DOORS.includes(name)).map(([, file]) => file);
