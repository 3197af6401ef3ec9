/** Builds the npm package into `npm-build/out`: types as `deno pack` writes them, code as `deno bundle` and esbuild make it. */

import { stop } from "esbuild";
import { bundle, filesBelow } from "./bundle.ts";
import { exportedFiles, packageName, ROOT, version, versionsOf } from "./project.ts";

const OUT = `${ROOT}npm-build/out`;
const PACKAGE = `${OUT}/package`;

/** The tarball that the build makes. */
export const tarball: string = `${OUT}/${packageName.replace("@", "").replace("/", "-")}-${version}.tgz`;

/** What users of the package may bring along. It depends on nothing. */
const OPTIONAL_PEERS = ["fast-check", "ws"];

/** What no declaration may name: it would ask users for the types of a platform that they may not have. */
const PLATFORM_TYPE = /\b(?:Deno|Bun|NodeJS|Buffer)\b|["']node:/;

/** What no code may hold: syntax that was to be lowered, and paths of the machine that built it. */
const UNWANTED_CODE = /\bawait using\b|file:\/\/|\/npm\/[\w.]+\/|\/node_modules\//;

async function run(command: string, args: readonly string[]): Promise<void> {
  const options = { args: [...args], cwd: ROOT, env: { NO_COLOR: "1" } };
  const { success, stdout, stderr } = await new Deno.Command(command, options).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  if (!success) throw new Error(`${command} ${args[0]} failed\n${text}`);
}

async function copyTypes(): Promise<void> {
  const packed = `${OUT}/types.tgz`, unpacked = `${OUT}/types`;
  await run(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", "--no-source-maps", "-o", packed]);
  await Deno.mkdir(unpacked, { recursive: true });
  await run("tar", ["-xzf", packed, "-C", unpacked]);
  for await (const file of filesBelow(`${unpacked}/package`)) {
    if (!file.endsWith(".d.ts")) continue;
    const types = await Deno.readTextFile(file);
    const named = PLATFORM_TYPE.exec(types.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ""));
    if (named) throw new Error(`${file} names ${named[0]}, which not every user of the package has`);
    const target = file.replace(`${unpacked}/package`, PACKAGE);
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(target, types);
  }
}

async function checkCode(): Promise<void> {
  for await (const file of filesBelow(PACKAGE)) {
    const found = file.endsWith(".js") && UNWANTED_CODE.exec(await Deno.readTextFile(file));
    if (found) throw new Error(`${file} holds ${JSON.stringify(found[0])}`);
  }
}

function manifest(): unknown {
  const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, versionsOf[name]]));
  const usedPeers = OPTIONAL_PEERS.filter((name) =>
    name !== "fast-check" || Object.values(exportedFiles).some((file) => file.endsWith("arbitraries.ts"))
  );
  return {
    name: packageName,
    version,
    description:
      "A cluster-aware Kafka client for Deno, Node, Bun and the browser, Kafka 0.8.2 to 4.x, without native code",
    keywords: ["kafka", "zookeeper", "client", "producer", "consumer", "deno", "node", "bun"],
    license: "Apache-2.0",
    type: "module",
    sideEffects: false,
    engines: { node: ">=22" },
    exports: Object.fromEntries(
      Object.entries(exportedFiles).map(([name, file]) => [name, {
        types: file.replace(/\.ts$/, ".d.ts"),
        default: file.replace(/\.ts$/, ".js"),
      }]),
    ),
    ...usedPeers.length > 0 && {
      peerDependencies: named(usedPeers),
      peerDependenciesMeta: Object.fromEntries(usedPeers.map((name) => [name, { optional: true }])),
    },
  };
}

/** Builds the tarball anew and tells where it lies. */
export async function build(): Promise<string> {
  await Deno.mkdir(OUT, { recursive: true });
  await bundle({
    entries: Object.values(exportedFiles),
    folder: PACKAGE,
    external: OPTIONAL_PEERS,
    platform: "browser",
  });
  await checkCode();
  await copyTypes();
  await Deno.writeTextFile(`${PACKAGE}/package.json`, `${JSON.stringify(manifest(), null, 2)}\n`);
  for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) await Deno.copyFile(ROOT + file, `${PACKAGE}/${file}`);
  await Deno.copyFile(`${ROOT}npm-build/std-bytes/LICENSE`, `${PACKAGE}/LICENSE-std-bytes`);
  await run("npm", ["pack", "--silent", "--pack-destination", OUT, PACKAGE]);
  return tarball;
}

if (import.meta.main) {
  console.log(await build());
  await stop();
}
