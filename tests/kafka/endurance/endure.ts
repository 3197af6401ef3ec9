/**
 * Produces and consumes on a real broker for `--minutes N`, by the chance of `--seed N`, and rests now and then to see what it
 * holds. Prints a table; fails if any figure grows.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { RealKafka } from "../launcher.ts";
import { measure } from "./measure.ts";
import { type Sample, SAMPLES_MIN, table, trends, verdict } from "./trend.ts";
import { chanceOf, PARTITIONS, TOPIC, Work } from "./work.ts";

const options = { minutes: { type: "string", default: "30" }, seed: { type: "string" } } as const;
const { values } = parseArgs({ options });
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
if (!(minutes > 0) || !Number.isInteger(seed)) {
  throw new RangeError("it is --minutes N, and --seed with a whole number");
}

/** The round between two rests: short in short runs, so that there are samples enough for a line. */
const ROUND_MS = Math.min(15_000, Math.max(4_000, minutes * 60_000 / 60));
/** The broker goes and comes about so often, and once in short runs too. */
const RESTART_SECONDS = 45;
const PEAK_MS = 200;

const start = performance.now();
const seconds = (): number => (performance.now() - start) / 1000;
const chance = chanceOf(seed + 1);
let peakRss = 0;

async function sample(work: Work): Promise<Sample> {
  const held = await measure();
  const result = {
    at: seconds(),
    produced: work.produced,
    read: work.read,
    ...held,
    peakRss: Math.max(peakRss, held.rss),
  };
  peakRss = 0;
  return result;
}

async function endure(kafka: RealKafka, samples: Sample[]): Promise<Work> {
  const settings = { "segment.bytes": 2 << 20, "retention.bytes": 8 << 20, "file.delete.delay.ms": 1_000 };
  await kafka.createTopic(TOPIC, { partitions: PARTITIONS, settings });
  const work = await Work.start(kafka, seed);
  let restartAt = RESTART_SECONDS / 2;
  try {
    while (seconds() < minutes * 60 || samples.length < SAMPLES_MIN) {
      const restart = seconds() > restartAt;
      if (restart) restartAt += RESTART_SECONDS * (0.5 + chance());
      await work.go(performance.now() + ROUND_MS, restart);
      await work.rest();
      samples.push(await sample(work));
    }
  } finally {
    await work.close();
  }
  return work;
}

async function main(): Promise<boolean> {
  const samples: Sample[] = [];
  const peak = setInterval(() => peakRss = Math.max(peakRss, process.memoryUsage.rss()), PEAK_MS);
  try {
    await using kafka = await RealKafka.start({
      release: "4.4.0",
      settings: { "log.retention.check.interval.ms": 5_000 },
    });
    const { restarts } = await endure(kafka, samples);
    const { versions, version } = process;
    const runtime = versions.deno ? `Deno ${versions.deno}` : versions.bun ? `Bun ${versions.bun}` : `Node ${version}`;
    console.log(`${runtime}, seed ${seed}, ${(seconds() / 60).toFixed(1)} minutes, ${restarts} restarts of the broker`);
    const found = trends(samples);
    console.log(`memory in MiB, at rest and after a collection of garbage\n${table(samples)}\n${verdict(found)}`);
    return found.every(({ flat }) => flat);
  } catch (error) {
    console.error(`seed ${seed}, after ${seconds().toFixed(0)} s:`, error);
    if (samples.length > 0) console.error(table(samples));
    return false;
  } finally {
    clearInterval(peak);
  }
}

process.exitCode = await main() ? 0 : 1;
