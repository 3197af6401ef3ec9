/** Reads the job and tells what became of it, for the clients of Node. */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { text as textOf } from "node:stream/consumers";
import type { Base64, Job, Told } from "../job.ts";

/** What is to be done. */
export const job: Job = JSON.parse(await textOf(process.stdin));

const requireThere = createRequire(join(job.folder, "package.json"));

/** A package of the client's folder. */
export function load<T>(name: string): T {
  return requireThere(name);
}

/** The version of a package of that folder. */
export function versionOf(name: string): string {
  return JSON.parse(readFileSync(join(job.folder, "node_modules", name, "package.json"), "utf8")).version;
}

/** The bytes that a text in base64 stands for. */
export function data(text: Base64 | null): Buffer | null {
  return text === null ? null : Buffer.from(text, "base64");
}

/** The text in base64 for bytes. */
export function text(bytes: Uint8Array | null | undefined): Base64 | null {
  return bytes == null ? null : Buffer.from(bytes).toString("base64");
}

/** Ends with what there is to tell. */
export function tell(told: Told): void {
  process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(0));
}

/** Calls for each one after the other, and gives the answers under their names. */
export async function byTopic<T>(
  topics: readonly string[],
  ask: (topic: string) => Promise<T>,
): Promise<Record<string, T>> {
  const answers: Record<string, T> = {};
  for (const topic of topics) answers[topic] = await ask(topic);
  return answers;
}
