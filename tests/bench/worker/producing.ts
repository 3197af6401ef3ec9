/** The profiles that produce. */

import type { Client, Sends } from "./client.ts";
import type { Job, Result } from "./job.ts";
import { Latencies, Meter } from "./meter.ts";
import { Values } from "./values.ts";

/** How many messages a run sends that is for its result alone. */
const VERIFY_LISTS = 60;
const VERIFY_CALLS = 5000;

/** Runs `body` so often at once that `count` are under way. */
async function atOnce(count: number, body: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, body));
}

/** Many at a time: lists, some of them in flight. */
export async function runLists(client: Client, job: Job): Promise<Result> {
  const sends = await client.produce(job);
  const values = new Values(job, client.text ?? false);
  if (job.verify) {
    let left = VERIFY_LISTS;
    await send(sends, values, job, () => left-- > 0);
    return { ...new Meter().stop(0), sent: values.given };
  }
  await send(sends, values, job, before(job.warmupSeconds));
  const warm = values.given;
  const meter = new Meter();
  await send(sends, values, job, before(job.seconds));
  return { ...meter.stop(values.given - warm), sent: values.given };
}

function before(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000;
  return () => performance.now() < end;
}

async function send(sends: Sends, values: Values, job: Job, goOn: () => boolean): Promise<void> {
  const { shape, listSize, inFlight } = job;
  if (!shape.startsWith("enqueue")) {
    return atOnce(inFlight, async () => {
      while (goOn()) await sends.list(values.list(listSize));
    });
  }
  const { enqueue, flush } = sends;
  if (!enqueue || !flush) throw new Error(`the client has no ${shape}`);
  while (goOn()) {
    if (shape === "enqueue-list") {
      const full = enqueue(values.list(listSize));
      if (full) await full;
    } else {
      for (let i = 0; i < listSize; i++) {
        const full = enqueue(values.one());
        if (full) await full;
      }
    }
  }
  await flush();
}

/** One at a time: callers that each await their own message before the next. */
export async function runCallers(client: Client, job: Job): Promise<Result> {
  const sends = await client.produce(job);
  const values = new Values(job, client.text ?? false);
  const latencies = new Latencies();
  const call = (goOn: () => boolean, measured: boolean) =>
    atOnce(job.callers, async () => {
      while (goOn()) {
        const start = performance.now();
        await sends.one(values.one());
        if (measured) latencies.add(performance.now() - start);
      }
    });
  if (job.verify) {
    let left = VERIFY_CALLS;
    await call(() => left-- > 0, false);
    return { ...new Meter().stop(0), sent: values.given };
  }
  await call(before(job.warmupSeconds), false);
  const warm = values.given;
  const meter = new Meter();
  await call(before(job.seconds), true);
  const measured = meter.stop(values.given - warm);
  return { ...measured, ...latencies.percentiles(), sent: values.given };
}
