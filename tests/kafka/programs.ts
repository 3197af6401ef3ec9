/** The small Java programs of the tests, compiled for each release against its own jars. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../tools.ts";
import { classPathOf } from "./jars.ts";
import { run } from "./jvm.ts";
import { atLeast, javaFor } from "./releases.ts";

/** Which programs a release has. The rest of the folder are settings of the loggers, which all have. */
function programsOf(release: string): string[] {
  const programs = [
    "Guard",
    "Words",
    "Produce",
    ...atLeast(release, "0.9") ? ["Consume", "Offsets", "KeyStores"] : ["SimpleConsume"],
  ];
  if (!atLeast(release, "0.11")) return programs;
  return [...programs, "CreateTopic", "ListErrors", ...atLeast(release, "3.0") ? ["ListApis"] : []];
}

const settings = ["log4j.properties", "simplelogger.properties"];

/** Where the sources lie: beside this file, or, where it has been bundled, below the folder that the tests run in. */
function sourceFolder(): string {
  const beside = fileURLToPath(new URL("./java/", import.meta.url));
  return existsSync(beside) ? beside : resolve("tests", "kafka", "java");
}

/** For classes that any JDK can run which is new enough for the newest Kafka, since the cache outlives a change of the JDK. */
const flags = ["--release", "17", "-nowarn", "-proc:none", "-encoding", "UTF-8"];

async function compile(release: string, jars: string, sources: ReadonlyMap<string, string>, to: string): Promise<void> {
  const folder = await mkdtemp(`${to}-`);
  try {
    const files: string[] = [];
    for (const [name, source] of sources) {
      files.push(join(folder, `${name}.java`));
      await writeFile(join(folder, `${name}.java`), source);
    }
    await run("javac", [...flags, "-J-XX:TieredStopAtLevel=1", "-cp", jars, "-d", folder, ...files]);
    for (const name of settings) await copyFile(join(sourceFolder(), name), join(folder, name));
    await rename(folder, to);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (!existsSync(to)) throw new Error(`The Java programs for Kafka ${release} do not compile`, { cause: error });
    // Else another run was first, and its classes are as good.
  }
}

const compiling = new Map<string, Promise<string>>();

/** The class path of a release with our programs in front, compiled if they are not yet. */
export function fullClassPath(release: string): Promise<string> {
  const known = compiling.get(release);
  if (known !== undefined) return known;
  const made = makeClassPath(release);
  compiling.set(release, made);
  made.catch(() => compiling.delete(release));
  return made;
}

async function makeClassPath(release: string): Promise<string> {
  const jars = await classPathOf(release);
  const sources = new Map<string, string>();
  const hash = createHash("sha256").update(jars).update(flags.join());
  for (const name of programsOf(release)) {
    const source = javaFor(release, await readFile(join(sourceFolder(), `${name}.java`), "utf8"));
    sources.set(name, source);
    hash.update(source);
  }
  for (const name of settings) hash.update(await readFile(join(sourceFolder(), name)));
  const folder = join(cacheFolder, "kafka", `${release}-${hash.digest("hex").slice(0, 12)}`);
  if (!existsSync(folder)) {
    await mkdir(join(cacheFolder, "kafka"), { recursive: true });
    await compile(release, jars, sources, folder);
  }
  return [folder, jars].join(delimiter);
}
