/** The definitions of Kafka's messages, as the jar of its clients holds them. */

import { readFile } from "node:fs/promises";
import { basename, delimiter } from "node:path";
import { classPathOf } from "../jars.ts";
import { filesOfJar } from "./jar.ts";

/** A field of a message, in Kafka's own words. */
export interface KafkaField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly flexibleVersions?: string;
  readonly tag?: number | string;
  readonly default?: number | string | boolean;
  readonly ignorable?: boolean | string;
  readonly fields?: readonly KafkaField[];
}

/** A message, in Kafka's own words. */
export interface Definition {
  readonly name: string;
  readonly type: "request" | "response" | "header" | "data";
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions?: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields: readonly KafkaField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly KafkaField[] }[];
}

/** All definitions of a release. */
export interface Definitions {
  readonly release: string;
  readonly all: readonly Definition[];
}

/** Versions from one to another, both included. */
export type Range = readonly [first: number, last: number];

/** What Kafka writes as `3`, `3-5`, `3+` or `none`; of none the last is before the first. */
export function rangeOf(versions: string | undefined): Range {
  if (versions === undefined || versions === "none") return [0, -1];
  const [, first, dash, last] = /^(\d+)(\+|-(\d+))?$/.exec(versions) ?? fail(versions);
  return [Number(first), dash === "+" ? Infinity : Number(last ?? first)];
}

function fail(versions: string): never {
  throw new Error(`${JSON.stringify(versions)} are no versions`);
}

/** Whether versions hold one. */
export const includes = ([first, last]: Range, version: number): boolean => version >= first && version <= last;

/** The versions of a message that a release speaks unless it is told to try what is not finished. */
export function stableVersions({ validVersions, latestVersionUnstable }: Definition): Range {
  const [first, last] = rangeOf(validVersions);
  return [first, latestVersionUnstable ? last - 1 : last];
}

/** JSON with comments to the end of the line, which strings may look like. */
function parse(text: string): unknown {
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*/g, (found) => found.startsWith('"') ? found : ""));
}

/** Reads the definitions of a release; Maven fetches its jars if they are not there. */
export async function definitionsOf(release: string): Promise<Definitions> {
  const jars = (await classPathOf(release)).split(delimiter);
  const jar = jars.find((path) => basename(path) === `kafka-clients-${release}.jar`);
  if (jar === undefined) throw new Error(`Kafka ${release} comes without a jar of its clients`);
  const files = filesOfJar(new Uint8Array(await readFile(jar)), "common/message/");
  const texts = [...files].filter(([name]) => name.endsWith(".json")).map(([, text]) => text);
  return { release, all: texts.map((text) => parse(text) as Definition) };
}
