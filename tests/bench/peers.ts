/** The clients that are compared: where they come from, and how the process of each is started. */

import { createHash } from "node:crypto";
import { build } from "../../npm-build/build.ts";
import { bundle } from "../../npm-build/bundle.ts";
import { ROOT } from "../../npm-build/project.ts";
import { stop } from "esbuild";
import { fullClassPath } from "../kafka/programs.ts";
import { cacheFolder, commandOf, madeOnce, missing, provide, type ToolName } from "../tools.ts";
import { profiles } from "./profiles.ts";
import pins from "./peers.json" with { type: "json" };

/** A client under test. */
export interface Peer {
  /** The file in `worker/`, or the native program. */
  readonly program: string;
  readonly runtime: "node" | "deno" | "bun" | "native" | "jvm";
  /** Its own way to be used, in the profiles that it is listed for. */
  readonly shape?: string;
  /** The only profiles that it takes part in, if not all. */
  readonly only?: readonly string[];
  /** Profiles that it has no API for. */
  readonly lacks?: readonly string[];
  /** The profiles of parts of clients that it takes part in; none if not said. */
  readonly parts?: readonly string[];
  /** How much longer than the others it has to warm up, since a compiler is at work for long. */
  readonly warmups?: number;
  /** Whether what is sent at once may overtake one another; then order is asked for within each list alone. */
  readonly overtakes?: boolean;
}

const CODECS = ["Kg", "Ks", "Kl", "Kz", "Dg", "Ds", "Dl", "Dz"];
const CHECKSUMS = ["R64", "R1k", "R4k", "R16k", "R256k", "R1m"];
const WIRE = ["Wm", "Wp", "Wf", "We"];
const OWN_PARTS = { parts: [...CODECS, ...CHECKSUMS, ...WIRE] };

/** A library that is nothing but a part: its name is its shape. */
function library(shape: string, parts: readonly string[]): Peer {
  return { program: "libraries", shape, runtime: "node", only: [], parts };
}

/** All of them, by name. */
export const peers: Readonly<Record<string, Peer>> = {
  "samsa": { program: "samsa", runtime: "node", ...OWN_PARTS },
  "samsa-other": { program: "samsa", runtime: "node", parts: [...CODECS, ...WIRE] },
  "samsa-tables": { program: "samsa", runtime: "node", shape: "tables", only: [], parts: CHECKSUMS },
  "samsa-plain": { program: "samsa", runtime: "node", shape: "plain", only: ["P1", "P2", "P3", "P4", "P5g", "P5s"] },
  "samsa-deno": { program: "samsa", runtime: "deno", lacks: ["M"], ...OWN_PARTS },
  "samsa-bun": { program: "samsa", runtime: "bun", lacks: ["M"], ...OWN_PARTS },
  "samsa-enqueue-list": { program: "samsa", runtime: "node", shape: "enqueue-list", only: ["P1", "P2"] },
  "samsa-enqueue-one": { program: "samsa", runtime: "node", shape: "enqueue-one", only: ["P1", "P2"] },
  "kafkats": { program: "kafkats", runtime: "node", overtakes: true, parts: [...CHECKSUMS, ...WIRE] },
  "platformatic": {
    program: "platformatic",
    runtime: "node",
    parts: ["Ks", "Kl", "Ds", "Dl", ...CHECKSUMS, "Wm", "We"],
  },
  "kafka_ts": { program: "kafka_ts", runtime: "node", lacks: ["P5g", "P5s", "C1m"], parts: ["Wm", "We"] },
  "kafkajs": { program: "kafkajs", runtime: "node", overtakes: true, parts: ["Ks", "Ds", ...CHECKSUMS, "Wm", "We"] },
  "librdkafka": { program: "librdkafka", runtime: "native", lacks: ["M", "L"] },
  "librdkafka-nocopy": { program: "librdkafka", runtime: "native", shape: "no-copy", only: ["P1", "P2"] },
  "java": { program: "java", runtime: "jvm", warmups: 6, lacks: ["C1m", "M", "L"] },
  "node-zlib": library("node-zlib", ["Kg", "Kz", "Dg", "Dz"]),
  "fflate": library("fflate", ["Kg", "Dg"]),
  "snappy-napi": library("snappy-napi", ["Ks", "Ds"]),
  "snappyjs": library("snappyjs", ["Ks", "Ds"]),
  "lz4-napi": library("lz4-napi", ["Kl", "Dl"]),
  "lz4js": library("lz4js", ["Kl", "Dl"]),
  "zstd-wasm": library("zstd-wasm", ["Kz", "Dz"]),
  "fzstd": library("fzstd", ["Dz"]),
  "node-rs": library("node-rs", CHECKSUMS),
  "fast-crc32c": library("fast-crc32c", CHECKSUMS),
};

/** Whether a client takes part in a profile. */
export function takesPart(client: string, profile: string): boolean {
  const { only, lacks, parts } = peers[client]!;
  if (profiles[profile]!.kind === "part") return parts?.includes(profile) ?? false;
  return (only?.includes(profile) ?? true) && !lacks?.includes(profile);
}

/** A command that runs a client's process. */
export interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** Clients that can be started. */
export interface Prepared extends AsyncDisposable {
  readonly starts: ReadonlyMap<string, Start>;
}

/**
 * Sees to it that these clients are there, and tells how to start each. Installs what is pinned into the folder of the tools, and
 * our own package, built anew, into one that goes with what is returned. `other` is another tarball of ours.
 */
export async function prepare(clients: readonly string[], release: string, other: string): Promise<Prepared> {
  const starts = new Map<string, Start>();
  const folders: string[] = [];
  const remove = async () => {
    for (const folder of folders) await Deno.remove(folder, { recursive: true });
  };
  const own = async (tarball: string): Promise<string> => {
    const folder = await Deno.makeTempDir({ prefix: "samsa-bench-" });
    folders.push(folder);
    await installOwn(folder, tarball);
    return folder;
  };
  try {
    let ours: string | undefined;
    for (const name of clients) {
      const { program, runtime } = peers[name]!;
      if (runtime === "native" || runtime === "jvm") {
        starts.set(name, runtime === "jvm" ? await javaStart(release) : await librdkafkaStart());
        continue;
      }
      let folder: string;
      if (program !== "samsa") folder = await npmFolder(program as NpmPeer);
      else if (name === "samsa-other") folder = await own(other);
      else folder = ours ??= await own(await buildOwn());
      if (program === "samsa") await bundleInternals(folder);
      await copyWorker(folder);
      starts.set(name, { ...await runtimeCommand(runtime), cwd: folder });
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { starts, [Symbol.asyncDispose]: remove };
}

async function runtimeCommand(runtime: "node" | "deno" | "bun"): Promise<{ command: string; args: string[] }> {
  if (runtime === "deno") {
    const args = ["run", "-A", "--no-config", "--no-lock", "--node-modules-dir=manual", "worker/main.ts"];
    return { command: Deno.execPath(), args };
  }
  const tool: ToolName = runtime === "node" ? "node24" : "bun";
  await provide(tool);
  const lacks = missing([tool]);
  if (lacks.length > 0) throw new Error(lacks.join("; "));
  return {
    command: commandOf(tool),
    args: runtime === "node" ? ["--expose-gc", "worker/main.ts"] : ["worker/main.ts"],
  };
}

async function copyWorker(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/worker`, { recursive: true });
  for await (const { name } of Deno.readDir(`${ROOT}tests/bench/worker`)) {
    await Deno.copyFile(`${ROOT}tests/bench/worker/${name}`, `${folder}/worker/${name}`);
  }
}

const NPM_INSTALL = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stderr, stdout } = await new Deno.Command(command, { args: [...args], cwd }).output();
  const said = () => [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  if (!success) throw new Error(`${command} ${args.join(" ")} failed\n${said()}`);
}

async function buildOwn(): Promise<string> {
  const tarball = await build();
  await stop();
  return tarball;
}

/** What the worker takes from beside itself is the bundle there, under the name that its source has here. */
async function bundleInternals(folder: string): Promise<void> {
  const bundled = `${folder}/internals`;
  await bundle({ entries: [`${ROOT}tests/bench/internals.ts`], folder: bundled, platform: "browser" });
  await stop();
  await Deno.copyFile(`${bundled}/internals.js`, `${folder}/internals.ts`);
}

/** Makes a project that has installed our package. */
async function installOwn(folder: string, tarball: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/package.json`, PRIVATE);
  await run("npm", [...NPM_INSTALL, "--no-save", await Deno.realPath(tarball)], folder);
}

const PRIVATE = `{ "private": true, "type": "module" }\n`;

type NpmPeer = Exclude<keyof typeof pins, "librdkafka">;

const NATIVE = `${ROOT}tests/bench/native`;

/** Our program around librdkafka, the one that comes with its Python package. */
async function librdkafkaStart(): Promise<Start> {
  const [[name, version] = ["", ""]] = Object.entries(pins.librdkafka.pip);
  const source = await Deno.readTextFile(`${NATIVE}/librdkafka.c`);
  const folder = await once("librdkafka", [name, version, source], async (folder) => {
    const target = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check", "--target", folder];
    await run("python3", ["-m", "pip", "install", ...target, `${name}==${version}`], folder);
    const libraries = [];
    for await (const { name } of Deno.readDir(`${folder}/confluent_kafka.libs`)) {
      if (name.startsWith("librdkafka")) libraries.push(`confluent_kafka.libs/${name}`);
    }
    await Deno.writeTextFile(`${folder}/librdkafka.c`, source);
    await run(
      "cc",
      ["-O2", "-o", "client", "librdkafka.c", ...libraries, "-Wl,-rpath,$ORIGIN/confluent_kafka.libs"],
      folder,
    );
  });
  return { command: `${folder}/client`, args: [], cwd: folder };
}

/** Starts our program around the Java client of the broker's own release. */
export async function javaStart(release: string): Promise<Start> {
  const lacks = missing(["java", "mvn"]);
  if (lacks.length > 0) throw new Error(lacks.join("; "));
  const classPath = await fullClassPath(release);
  const source = await Deno.readTextFile(`${NATIVE}/BenchClient.java`);
  const folder = await once("java", [classPath, source], async (folder) => {
    await Deno.writeTextFile(`${folder}/BenchClient.java`, source);
    await run(
      "javac",
      ["--release", "17", "-nowarn", "-proc:none", "-cp", classPath, "-d", folder, "BenchClient.java"],
      folder,
    );
  });
  return { command: "java", args: ["-Xmx1g", "-cp", `${folder}:${classPath}`, "BenchClient"], cwd: folder };
}

/** Each in a folder of its own, so that none finds what another brought along. */
function npmFolder(name: NpmPeer): Promise<string> {
  const packages = Object.entries(pins[name].npm).map(([name, version]) => `${name}@${version}`);
  return once(name, packages, async (folder) => {
    await Deno.writeTextFile(`${folder}/package.json`, PRIVATE);
    await run("npm", [...NPM_INSTALL, "--no-save", ...packages], folder);
  });
}

/** A folder of the tools' cache that is made whole or not at all, under a name that goes with what it is made from. */
export function once(
  name: string,
  from: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = createHash("sha256").update(from.join("\n")).digest("hex").slice(0, 12);
  return madeOnce(`${cacheFolder}/bench/${name}-${digest}`, make);
}
