/** The process of a client: reads its job, does it, and prints what it measured. */

import process from "node:process";
import { createInterface } from "node:readline";
import type { Client } from "./client.ts";
import { runConsume, runLatency, runLoad, runRetained } from "./consuming.ts";
import type { Job, Kind, Result } from "./job.ts";
import { type Parts, runPart } from "./part.ts";
import { profileInto } from "./meter.ts";
import { runCallers, runLists } from "./producing.ts";

const runs: Record<Exclude<Kind, "part">, (client: Client, job: Job) => Promise<Result>> = {
  lists: runLists,
  callers: runCallers,
  consume: runConsume,
  latency: runLatency,
  retained: runRetained,
  load: runLoad,
};

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new Error("no job was given");
}

function tell(result: Partial<Result>): void {
  process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit(0));
}

const fail = (error: unknown) => tell({ error: String(error instanceof Error ? error.stack : error) });
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

try {
  const job = JSON.parse(await firstLine()) as Job;
  if (job.cpuProfile) await profileInto(job.cpuProfile);
  if (job.kind === "part") {
    const module: { partsOf: (job: Job) => Promise<Parts> } = await import(
      job.client === "samsa" ? "./part_samsa.ts" : "./part_peers.ts"
    );
    tell(await runPart(await module.partsOf(job), job));
  } else {
    const module: { client: Client } = await import(`./${job.client}.ts`);
    tell(await runs[job.kind](module.client, job));
  }
} catch (error) {
  fail(error);
}
