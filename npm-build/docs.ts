/** Builds the API reference from the docstrings of all doors into `npm-build/out/docs`, without a network: `deno task docs`. */

import { filesBelow } from "./bundle.ts";
import { exportedFiles, ROOT } from "./project.ts";

/** Where the reference lies. */
export const docs: string = `${ROOT}npm-build/out/docs`;

/** Below so many pages something is missing: each door has dozens. */
const PAGES_MIN = 500;

/** Builds it anew; throws when it fails, or has hardly anything in it. Gives the number of its pages. */
export async function buildDocs(): Promise<number> {
  await Deno.remove(docs, { recursive: true }).catch(() => {});
  await Deno.mkdir(docs, { recursive: true });
  const args = ["doc", "--quiet", "--html", "--name=Samsa", `--output=${docs}`, ...Object.values(exportedFiles)];
  const options = { args, cwd: ROOT, env: { NO_COLOR: "1" } };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  if (!success) throw new Error(`deno doc --html failed\n${said}`);
  let pages = 0;
  for await (const file of filesBelow(docs)) if (file.endsWith(".html")) pages++;
  if (pages < PAGES_MIN) throw new Error(`the reference has only ${pages} pages`);
  return pages;
}

/**
 * What `deno doc --lint` holds against our own files: what is public and says nothing, or names what is not public. What it holds
 * against other people's packages, whose types we show, is theirs.
 */
export async function undocumented(): Promise<string> {
  const options = { args: ["doc", "--lint", ...Object.values(exportedFiles)], cwd: ROOT, env: { NO_COLOR: "1" } };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  if (success) return "";
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  const ours = said.split(/^(?=error)/m).filter((part) => /^ *--> /m.test(part) && part.includes(`--> ${ROOT}`));
  // What says no place is no finding, but a failure of the tool.
  const places = said.match(/^ *--> /gm)?.length ?? 0;
  return ours.length > 0 || places === 0 ? ours.join("") || said : "";
}

if (import.meta.main) {
  console.log(`${await buildDocs()} pages, ${docs}/index.html`);
}
