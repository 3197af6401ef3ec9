/**
 * The tools that tests need beside the running Deno, Node and npm: the one place that knows them. A missing one is named with
 * the command that installs it, and its tests count as skipped; where the environment says `CI`, they fail.
 */

import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { skippedTest, test } from "./harness.ts";

/** Something that tests run and that is not a part of this repository. */
interface Tool {
  /** What it is for. */
  readonly why: string;
  /** The package and version of npm that it comes from; without one it has to be there already. */
  readonly npm?: readonly [name: string, version: string];
  /** The command: a name on the path, or one of the npm package's. It answers `--version`. */
  readonly command: string;
  /** The command that installs it, where npm does not. */
  readonly install?: string;
}

/** The folder of everything that tests download or compile, but for what Deno, npm and Maven keep in caches of their own. */
export const cacheFolder: string = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "samsa");

const APT = "apt-get install -y --no-install-recommends";

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
  java: {
    why: "a JDK of 17 or later, for real brokers and their own clients",
    command: "javac",
    install: `${APT} default-jdk-headless`,
  },
  mvn: { why: "Maven, for the jars of real brokers", command: "mvn", install: `${APT} maven` },
} as const satisfies Record<string, Tool>;

/** The name under which tests ask for a tool. */
export type ToolName = keyof typeof TOOLS;

/** All of them by name. CONTRIBUTING.md has the same list. */
export const tools: Readonly<Record<ToolName, Tool>> = TOOLS;

function folderOf(name: ToolName): string {
  return join(cacheFolder, "tools", `${name}-${tools[name].npm?.[1]}`);
}

/** The path or name by which to run a tool, whether it is there or not. */
export function commandOf(name: ToolName): string {
  const { npm, command } = tools[name];
  return npm ? join(folderOf(name), "node_modules", ".bin", command) : command;
}

/** The command with which a person installs a tool. */
export function installCommand(name: ToolName): string {
  const { npm, install } = tools[name];
  return npm ? `npm install --prefix ${folderOf(name)} ${npm.join("@")}` : install!;
}

const found = new Map<ToolName, boolean>();

/** Whether a tool is there and answers. */
export function has(name: ToolName): boolean {
  let answer = found.get(name);
  if (answer === undefined) {
    const { npm } = tools[name];
    const command = commandOf(name);
    answer = npm ? existsSync(command) : spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
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

/** Sees to it that a tool of npm's is there: installs the pinned version where it is not. Tells whether it is there now. */
export async function provide(name: ToolName): Promise<boolean> {
  const { npm } = tools[name];
  if (has(name) || !npm) return has(name);
  const folder = folderOf(name);
  await mkdir(join(cacheFolder, "tools"), { recursive: true });
  const fresh = await mkdtemp(`${folder}-`);
  try {
    const options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts=false", "--loglevel=error"];
    await promisify(execFile)("npm", ["install", "--prefix", fresh, ...options, npm.join("@")]);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder); // whole or not at all: two runs may install at once
  } catch (error) {
    console.error(`npm could not install ${npm.join("@")}: ${error instanceof Error ? error.message : error}`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  found.delete(name);
  return has(name);
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
