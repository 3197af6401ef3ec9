/** Gets the jars of Kafka releases by Maven, once, and remembers their class paths. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { cacheFolder, commandOf } from "../tools.ts";
import { run } from "./jvm.ts";
import { jarsOf } from "./releases.ts";

const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath";
const resolveTimeoutMs = 600_000;

/** Where the class path of a release is kept: under the name of the list it was resolved from. */
function classPathFile(release: string): string {
  const digest = createHash("sha256").update(jarsOf(release).join()).digest("hex").slice(0, 12);
  return join(cacheFolder, "kafka", `${release}-${digest}.classpath`);
}

async function cachedClassPath(release: string): Promise<string | undefined> {
  const file = classPathFile(release);
  if (!existsSync(file)) return undefined;
  const classPath = await readFile(file, "utf8");
  return classPath.split(delimiter).every((jar) => existsSync(jar)) ? classPath : undefined;
}

/** A dependency without its own ones: each jar that we need is named, so that Maven fetches nothing else. */
function dependency(coordinates: string): string {
  const [group, artifact, version] = coordinates.split(":");
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>` +
    "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>";
}

const project = (artifact: string, body: string): string =>
  '<?xml version="1.0"?><project><modelVersion>4.0.0</modelVersion><groupId>samsa.tests</groupId>' +
  `<artifactId>${artifact}</artifactId><version>0</version><packaging>pom</packaging>${body}</project>\n`;

async function runMaven(wanted: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "samsa-maven-"));
  try {
    for (const release of wanted) {
      await mkdir(join(folder, release));
      const dependencies = jarsOf(release).map(dependency).join("");
      const pom = project(`kafka-${release}`, `<dependencies>${dependencies}</dependencies>`);
      await writeFile(join(folder, release, "pom.xml"), pom);
    }
    const modules = wanted.map((release) => `<module>${release}</module>`).join("");
    await writeFile(join(folder, "pom.xml"), project("all", `<modules>${modules}</modules>`));
    await run(commandOf("mvn"), ["-B", "-ntp", "-q", goal, "-Dmdep.outputFile=classpath"], {
      cwd: folder,
      timeoutMs: resolveTimeoutMs,
    });
    for (const release of wanted) {
      const classPath = await readFile(join(folder, release, "classpath"), "utf8");
      await keep(classPathFile(release), classPath.trim());
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes a file as a whole or not at all, since several runs may share the cache. */
async function keep(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, text);
  await rename(`${file}.${process.pid}`, file);
}

/** The Maven run under way: a second one would download the same. */
let resolving: Promise<void> = Promise.resolve();

/** Downloads what these releases lack, all of it in one run of Maven. */
export function resolveJars(releases: readonly string[]): Promise<void> {
  const next = async () => {
    const missing: string[] = [];
    for (const release of releases) if (await cachedClassPath(release) === undefined) missing.push(release);
    if (missing.length > 0) await runMaven(missing);
  };
  return resolving = resolving.then(next, next);
}

/** The class path of a release: the jars are fetched if they are not there yet. */
export async function classPathOf(release: string): Promise<string> {
  const cached = await cachedClassPath(release);
  if (cached !== undefined) return cached;
  await resolveJars([release]);
  const resolved = await cachedClassPath(release);
  if (resolved === undefined) throw new Error(`Maven did not bring the jars of Kafka ${release}`);
  return resolved;
}
