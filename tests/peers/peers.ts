/** The clients of others that work with the embedded cluster: what each can do, and how its process is started. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { classPathOf } from "../kafka/jars.ts";
import { type JavaCompression, javaConsume, javaProduce } from "../kafka/java.ts";
import { run, runJava } from "../kafka/jvm.ts";
import { fullClassPath } from "../kafka/programs.ts";
import { javaFor } from "../kafka/releases.ts";
import { cacheFolder, commandOf, folderOf, goModules, madeOnce, type ToolName } from "../tools.ts";
import type { Job, ReadRecord, Told } from "./job.ts";

/** A client that does jobs. */
export interface Peer {
  readonly name: string;
  /** What has to be there. */
  readonly tools: readonly ToolName[];
  /** The releases that the brokers play for it. */
  readonly releases: readonly string[];
  /** How it compresses, beside not at all. */
  readonly codecs: readonly string[];
  /** What it cannot do at all, and so is not asked for. */
  readonly lacks?: readonly Lack[];
  /** Whether it is idempotent by itself or has to be asked; not said where it cannot be. */
  readonly idempotent?: "by default" | "if asked";
  /** Gives the job to its process, and what that tells. */
  readonly work: (job: Omit<Job, "folder">) => Promise<Told>;
}

/** Something that a client has no means for. */
export type Lack =
  | "admin"
  | "headers"
  | "timestamps"
  | "header values of null"
  | "repeated headers"
  | "records of nothing";

const source = (name: string): string => fileURLToPath(new URL(`./programs/${name}`, import.meta.url));

/** No client takes longer; one that hangs is ended, and what it said is shown. */
const TIMEOUT_MS = 60_000;

async function give(job: Omit<Job, "folder">, folder: string, command: string, args: readonly string[]): Promise<Told> {
  const told = await run(command, args, { input: JSON.stringify({ ...job, folder }), timeoutMs: TIMEOUT_MS });
  return JSON.parse(told.trim().split("\n").at(-1) ?? "");
}

const onNode = (name: ToolName): Peer["work"] => (job) =>
  give(job, folderOf(name), commandOf("node24"), ["--no-warnings", source(`${name}_peer.ts`)]);

const onPython = (tool: ToolName, name: string): Peer["work"] => (job) =>
  give(job, folderOf(tool), commandOf("python"), ["-B", source(`${name}_peer.py`)]);

/** The folder of the program in Go, compiled from the pinned modules. Go keeps them, and what it compiles, in caches of its own. */
export async function builtFranz(): Promise<string> {
  const program = await readFile(source("franz/main.go"), "utf8");
  const modules = Object.entries(goModules).map(([name, version]) => `require ${name} ${version}\n`).join("");
  return await madeOnce(cached("franz", commandOf("go"), modules, program), async (fresh) => {
    await writeFile(join(fresh, "main.go"), program);
    await writeFile(join(fresh, "go.mod"), `module peer\ngo 1.26\n${modules}`);
    const flags = "GOFLAGS=-mod=mod -buildvcs=false";
    const settings = ["GOTOOLCHAIN=local", flags, "CGO_ENABLED=0", `GOROOT=${join(folderOf("go"), "go")}`];
    await run("env", [...settings, commandOf("go"), "build", "-o", "peer", "."], { cwd: fresh, timeoutMs: 240_000 });
  });
}

async function franz(job: Omit<Job, "folder">): Promise<Told> {
  const folder = await builtFranz();
  return give(job, folder, join(folder, "peer"), []);
}

/** The program in Java, compiled for a release of the client. */
const onJava = (release: string): Peer["work"] => async (job) => {
  const jars = await classPathOf(release);
  const program = javaFor(release, await readFile(source("Peer.java"), "utf8"));
  const folder = await madeOnce(cached(`java-${release}`, jars, program), async (fresh) => {
    await writeFile(join(fresh, "Peer.java"), program);
    await run("javac", ["--release", "17", "-nowarn", "-proc:none", "-cp", jars, "-d", fresh, "Peer.java"], {
      cwd: fresh,
    });
  });
  const jvm = [
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  ];
  return give(job, folder, "java", [...jvm, "-cp", [folder, jars].join(delimiter), "Peer", release]);
};

/** The Java client of 0.8.2.2 and its SimpleConsumer, which are programs of the tests on real brokers. */
async function java08({ hosts, writes, records, reads }: Omit<Job, "folder">): Promise<Told> {
  const release = "0.8.2.2";
  const classPath = await fullClassPath(release);
  const tool = (main: string, args: readonly string[], input = "") => runJava(classPath, main, args, { input });
  const bytesOf = (text: string | null) => text === null ? null : Buffer.from(text, "base64");
  const base64 = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString("base64");
  const given = records.map(({ partition, key, value }) => ({ partition, key: bytesOf(key), value: bytesOf(value) }));
  const batches = writes.map(({ topic, codec }) => ({ topic, compression: codec as JavaCompression, records: given }));
  const places = await javaProduce({ hosts, release, tool }, batches);
  const written = writes.map(({ topic }, nth) =>
    [topic, places.slice(nth * given.length, (nth + 1) * given.length).map(({ offset }) => offset)] as const
  );
  const read: Record<string, ReadRecord[]> = {};
  for (const topic of reads) {
    read[topic] = (await javaConsume({ hosts, release, tool }, topic)).map((
      { partition, offset, key, value },
    ) => [partition, offset, -1, base64(key), base64(value), []]);
  }
  return { version: release, written: Object.fromEntries(written), read };
}

function cached(name: string, ...from: readonly string[]): string {
  const digest = createHash("sha256").update(from.join("\n")).digest("hex").slice(0, 12);
  return join(cacheFolder, "peers", `${name}-${digest}`);
}

/** The releases of the Java client among them. */
export const javaPeers: readonly string[] = ["0.8.2.2", "2.8.2", "4.4.0"];

/** Clients in JavaScript, and the one in Go. */
export const javascriptAndGo: readonly Peer[] = [
  {
    name: "kafkajs",
    tools: ["node24", "kafkajs"],
    releases: ["0.11.0.3", "2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    lacks: ["header values of null"],
    idempotent: "if asked",
    work: onNode("kafkajs"),
  },
  {
    name: "platformatic",
    tools: ["node24", "platformatic"],
    releases: ["2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    lacks: ["repeated headers"],
    idempotent: "if asked",
    work: onNode("platformatic"),
  },
  {
    name: "franz-go",
    tools: ["go"],
    releases: ["0.10.2.2", "2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    idempotent: "by default",
    work: franz,
  },
];

/** Clients in Python. */
export const pythons: readonly Peer[] = [
  {
    name: "librdkafka",
    tools: ["python", "confluent"],
    releases: ["0.8.2.2", "0.10.2.2", "2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    idempotent: "if asked",
    work: onPython("confluent", "confluent"),
  },
  {
    name: "kafka-python",
    tools: ["python", "kafkaPython"],
    releases: ["0.8.2.2", "0.10.2.2", "2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    lacks: ["header values of null", "records of nothing"],
    idempotent: "by default",
    work: onPython("kafkaPython", "kafka_python"),
  },
  {
    name: "PyKafka",
    tools: ["python", "pykafka"],
    releases: ["0.8.2.2", "0.10.2.2", "2.8.2"],
    codecs: ["gzip", "snappy"],
    lacks: ["admin", "headers"],
    work: onPython("pykafka", "pykafka"),
  },
];

/** The Java client of all ages. */
export const javas: readonly Peer[] = [
  {
    name: "Java 0.8.2.2",
    tools: ["java", "mvn"],
    releases: ["0.8.2.2", "2.8.2"],
    codecs: ["gzip", "snappy", "lz4"],
    lacks: ["admin", "headers", "timestamps"],
    work: java08,
  },
  {
    name: "Java 2.8.2",
    tools: ["java", "mvn"],
    releases: ["2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    idempotent: "if asked",
    work: onJava("2.8.2"),
  },
  {
    name: "Java 4.4.0",
    tools: ["java", "mvn"],
    releases: ["2.8.2", "4.4.0"],
    codecs: ["gzip", "snappy", "lz4", "zstd"],
    idempotent: "by default",
    work: onJava("4.4.0"),
  },
];

/** All of them. */
export const peers: readonly Peer[] = [...javascriptAndGo, ...pythons, ...javas];
