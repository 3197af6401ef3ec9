/** The profiles that consume. */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import type { Client, Takes } from "./client.ts";
import type { Job, Result } from "./job.ts";
import { Latencies, type Measured, Meter } from "./meter.ts";
import { numberOf, Values } from "./values.ts";

const LOOK_EVERY = 1000;

/** Counts what is read: a part to warm up, then the part that is measured. */
class Drain implements Takes {
  readonly checks = false;
  readonly done: Promise<Measured>;
  readonly #finish: (measured: Measured) => void;
  readonly #job: Job;
  #count = 0;
  #bytes = 0;
  #sum = 0;
  #lookAt: number;
  #meter: Meter | undefined;
  #from = 0;
  #end = Infinity;
  #over = false;

  constructor(job: Job) {
    this.#job = job;
    this.#lookAt = Math.max(1, job.warmupCount);
    const { promise, resolve } = Promise.withResolvers<Measured>();
    this.done = promise;
    this.#finish = resolve;
  }

  take(value: Uint8Array | string): void {
    this.#count++;
    this.#bytes += value.length;
    this.#sum += typeof value === "string" ? value.charCodeAt(12) : value[12]!;
  }

  check(): void {}

  enough(): boolean {
    if (this.#count >= this.#lookAt) this.#look();
    return this.#over;
  }

  #look(): void {
    if (this.#over) return;
    const now = performance.now();
    this.#lookAt = Math.min(this.#job.total, this.#count + LOOK_EVERY);
    if (!this.#meter) {
      this.#from = this.#count;
      this.#end = now + this.#job.seconds * 1000;
      this.#meter = new Meter();
    } else if (this.#count >= this.#job.total || now > this.#end) {
      this.#over = true;
      const measured = this.#meter.stop(this.#count - this.#from);
      if (this.#bytes !== this.#count * this.#job.valueBytes || !(this.#sum > 0)) {
        throw new Error(`${this.#bytes} bytes in ${this.#count} messages`);
      }
      this.#finish(measured);
    }
  }
}

/** Compares everything: each partition's offsets and numbers in order, each byte, and that nothing is missing. */
class Check implements Takes {
  readonly checks = true;
  readonly done: Promise<void>;
  readonly #finish: () => void;
  readonly #fail: (reason: unknown) => void;
  readonly #job: Job;
  readonly #pool: Buffer;
  readonly #offsets = new Map<number, number>();
  readonly #numbers = new Map<number, number>();
  #count = 0;
  #sum = 0;

  constructor(job: Job) {
    this.#job = job;
    this.#pool = readFileSync(job.pool);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    this.#fail = reject;
  }

  take(): void {}

  check(partition: number, offset: number | bigint | string, value: Uint8Array | string): void {
    const { numberAt, valueBytes, poolCount } = this.#job;
    const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
    const number = numberOf(bytes, numberAt);
    const expected = this.#offsets.get(partition) ?? 0;
    if (Number(offset) !== expected) {
      this.#fail(new Error(`offset ${offset} in partition ${partition} where ${expected} was expected`));
    }
    if (number <= (this.#numbers.get(partition) ?? -1)) this.#fail(new Error(`number ${number} is out of order`));
    this.#offsets.set(partition, expected + 1);
    this.#numbers.set(partition, number);
    const at = (number % poolCount) * valueBytes;
    const like = Buffer.from(this.#pool.subarray(at, at + valueBytes));
    like.write(String(number).padStart(10, "0"), numberAt, "latin1");
    if (!like.equals(bytes)) this.#fail(new Error(`the bytes of number ${number} differ`));
    this.#count++;
    this.#sum += number;
    const { total } = this.#job;
    if (this.#count < total) return;
    if (this.#sum !== total * (total - 1) / 2) this.#fail(new Error(`the sum of ${this.#count} numbers is wrong`));
    this.#finish();
  }

  enough(): boolean {
    return this.#count >= this.#job.total;
  }
}

/** A backlog is drained. */
export async function runConsume(client: Client, job: Job): Promise<Result> {
  const takes = job.verify ? new Check(job) : new Drain(job);
  const failed = client.consume(job, job.topic, "earliest", takes).then(() => new Promise<never>(() => {}));
  const measured = await Promise.race([takes.done, failed]);
  return measured ?? new Meter().stop(0);
}

const RATE = 1000;

/** A thousand messages a second, from the call that produces to the handler. */
export async function runLatency(client: Client, job: Job): Promise<Result> {
  const values = new Values({ ...job, verify: true }, client.text ?? false);
  const sends = await client.produce(job);
  const sentAt: number[] = [];
  const latencies = new Latencies();
  let seen = 0, measuring = false, next = 0;
  const check = (_partition: number, _offset: unknown, value: Uint8Array | string): void => {
    const latency = performance.now() - sentAt[numberOf(value, job.numberAt)]!;
    seen++;
    if (measuring) latencies.add(latency);
  };
  const takes: Takes = { checks: true, take: () => {}, check, enough: () => false };
  const failed: unknown[] = [];
  client.consume(job, job.topic, "latest", takes).catch((error) => failed.push(error));
  const sendOne = () => {
    sentAt[next++] = performance.now();
    sends.one(values.one()).catch((error) => failed.push(error));
  };
  for (let tries = 0; seen === 0 && tries < 200; tries++) { // until the consumer is there
    sendOne();
    await sleep(100);
  }
  const before = next - seen;
  await paced(job.warmupSeconds, sendOne);
  const first = next;
  measuring = true;
  const meter = new Meter();
  await paced(job.seconds, sendOne);
  const measured = meter.stop(next - first);
  for (let i = 0; next - seen > before && i < 100; i++) await sleep(20);
  if (failed.length > 0) throw failed[0];
  if (next - seen > before) throw new Error(`${next - seen - before} messages did not arrive`);
  return { ...measured, ...latencies.percentiles(), sent: values.given };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function paced(seconds: number, send: () => void): Promise<void> {
  const start = performance.now();
  for (let sent = 0; sent < seconds * RATE;) {
    const due = (performance.now() - start) / 1000 * RATE;
    for (; sent < due; sent++) send();
    await sleep(1);
  }
}

/** How much memory a message takes that has been handed over and not read. */
export async function runRetained(client: Client, job: Job): Promise<Result> {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) throw new Error("the collector cannot be called");
  const held: unknown[][] = [];
  let count = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const hold = (messages: readonly unknown[]): Promise<void> | undefined => {
    held.push([...messages]);
    count += messages.length;
    if (count < job.total) return undefined;
    resolve();
    return new Promise(() => {}); // holds the client up
  };
  collect();
  const before = process.memoryUsage();
  const takes: Takes = { checks: false, take: () => {}, check: () => {}, enough: () => false, hold };
  const failed = client.consume(job, job.topic, "earliest", takes).then(() => promise);
  await Promise.race([promise, failed]);
  await sleep(300);
  collect();
  const after = process.memoryUsage();
  if (held.length === 0) throw new Error("nothing is held");
  return {
    ...new Meter().stop(0),
    heapPerMessage: (after.heapUsed - before.heapUsed) / count,
    buffersPerMessage: (after.arrayBuffers - before.arrayBuffers) / count,
  };
}

/** Produces and consumes at once, as fast as it goes, for what that takes in memory. */
export async function runLoad(client: Client, job: Job): Promise<Result> {
  const sends = await client.produce(job);
  const values = new Values(job, client.text ?? false);
  let consumed = 0;
  const take = () => void consumed++;
  const takes: Takes = { checks: false, take, check: take, enough: () => false };
  const failed: unknown[] = [];
  client.consume(job, job.backlog, "earliest", takes).catch((error) => failed.push(error));
  const meter = new Meter();
  const end = performance.now() + job.seconds * 1000;
  await Promise.all(Array.from({ length: job.inFlight }, async () => {
    while (performance.now() < end) await sends.list(values.list(job.listSize));
  }));
  if (failed.length > 0) throw failed[0];
  return { ...meter.stop(values.given + consumed), sent: values.given };
}
