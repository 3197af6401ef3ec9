/** Makes JavaScript for Node 22 and later, Bun and pages of our sources: bundled by Deno, lowered by esbuild. */

import { transform } from "esbuild";

/** What to bundle, and to where. */
export interface BundleOptions {
  /** The files to begin with; each becomes a file of its own, what they share is split off. */
  readonly entries: readonly string[];
  /** Where the result goes; emptied first. */
  readonly folder: string;
  /** What stays an import, besides the modules of Node. */
  readonly external?: readonly string[];
  /** For which surroundings packages with several versions are chosen. */
  readonly platform: "browser" | "deno";
}

/** The oldest engine that the result runs on. */
const TARGET = "node22";

/**
 * Bundles into `folder`; the paths in it are those of the entries below their common folder. Syntax that Node 22 lacks is lowered,
 * so that every runtime runs the very same code; comments go, except for licences.
 */
export async function bundle({ entries, folder, external = [], platform }: BundleOptions): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const externals = ["node:*", ...external].map((name) => `--external=${name}`);
  const args = ["bundle", "--quiet", `--platform=${platform}`, "--code-splitting", ...externals, `--outdir=${folder}`];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args, ...entries] }).output();
  if (!success) throw new Error(`deno bundle failed\n${new TextDecoder().decode(stderr)}`);
  for await (const file of filesBelow(folder)) {
    if (!file.endsWith(".js")) continue;
    const { code } = await transform(await Deno.readTextFile(file), { target: TARGET, format: "esm" });
    await Deno.writeTextFile(file, code);
  }
}

/** Every file below a folder, as a path that begins with the folder's. */
export async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else yield path;
  }
}
