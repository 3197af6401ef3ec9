/** The cluster that the benchmark runs on, its topics and backlogs, and the reader that looks what a producer has left in the log. */

import { connect, type KafkaClient } from "../../src/doors/deno.ts";
import { RealKafka } from "../kafka/launcher.ts";
import { NUMBER_AT, type Profile, valueForms, valuesOf } from "./profiles.ts";
import { numberOf } from "./worker/values.ts";

const PARTITIONS = 6;
/** What stands in Java's producer for the size of a batch; so are the backlogs. */
const BACKLOG_BATCH = 16_384;

/** How many messages the backlog has that is compared byte for byte. */
export const VERIFY_TOTAL = 120_000;

/** What is to be in a topic. */
export interface Expected {
  /** So many values. */
  readonly sent: number;
  /** Whether each has its own number, instead of those of the file over and over. */
  readonly numbered: boolean;
  /** How many in a row are in order in each partition. */
  readonly ordered: number;
}

/** Where the brokers are. */
interface Brokers extends AsyncDisposable {
  readonly hosts: string;
}

/** A broker, with whatever a run needs of it. */
export class Stage implements AsyncDisposable {
  readonly hosts: string;
  readonly #cluster: Brokers;
  readonly #client: KafkaClient;
  readonly #folder: string;
  readonly #pools = new Map<string, Uint8Array>();
  readonly #backlogs = new Map<string, number>();
  #topics = 0;

  private constructor(cluster: Brokers, client: KafkaClient, folder: string) {
    this.#cluster = cluster;
    this.#client = client;
    this.#folder = folder;
    this.hosts = cluster.hosts;
  }

  /** Starts one broker of a release, its data in memory where the system has a place for that. */
  static async start(release: string): Promise<Stage> {
    const memory = "/dev/shm";
    if (await Deno.stat(memory).catch(() => undefined)) Deno.env.set("TMPDIR", memory);
    const kafka = await RealKafka.start({
      release,
      flags: ["-Xmx1g", "-XX:TieredStopAtLevel=4"],
      settings: { "log.segment.delete.delay.ms": 500, "num.io.threads": 4, "message.max.bytes": 8 << 20 },
    });
    return await Stage.over(kafka);
  }

  /** A stage over a cluster, which it ends with itself. */
  static async over(cluster: Brokers): Promise<Stage> {
    try {
      const client = await connect({ hosts: cluster.hosts });
      return new Stage(cluster, client, await Deno.makeTempDir({ prefix: "samsa-bench-" }));
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A new topic. */
  async topic(): Promise<string> {
    const name = `bench-${this.#topics++}`;
    await this.#client.admin.createTopic(name, { partitions: PARTITIONS });
    return name;
  }

  /** Ends a topic. */
  async drop(topic: string): Promise<void> {
    await this.#client.admin.deleteTopic(topic);
  }

  /** The values of a form, and the file with them. */
  async pool(form: Profile["values"]): Promise<string> {
    const file = `${this.#folder}/${form}`;
    if (!this.#pools.has(form)) {
      this.#pools.set(form, valuesOf(valueForms[form]));
      await Deno.writeFile(file, this.#pools.get(form)!);
    }
    return file;
  }

  /** A topic with so many messages to read; made once. Numbered values are for runs that verify. */
  async backlog({ values, codec = "none" }: Profile, numbered: boolean, total: number): Promise<string> {
    const name = `backlog-${values}-${codec}-${numbered ? "numbered" : total}`;
    if (this.#backlogs.has(name)) return name;
    await this.pool(values);
    const { bytes, count } = valueForms[values];
    const pool = this.#pools.get(values)!;
    await this.#client.admin.createTopic(name, { partitions: PARTITIONS });
    const topic = await this.#client.topic(name);
    await using producer = topic.producer({ compression: codec, batchBytes: BACKLOG_BATCH });
    for (let i = 0; i < total; i += 1000) {
      const list = Array.from({ length: 1000 }, (_, j) => {
        const at = (i + j) % count * bytes;
        return numbered ? withNumber(pool.slice(at, at + bytes), i + j) : pool.subarray(at, at + bytes);
      });
      await producer.enqueue(list);
    }
    await producer.flush();
    this.#backlogs.set(name, total);
    return name;
  }

  /** Reads a topic and throws unless it holds exactly what was sent. */
  async verify(topic: string, form: Profile["values"], { sent, numbered, ordered }: Expected): Promise<void> {
    const { bytes, count } = valueForms[form];
    const pool = this.#pools.get(form)!;
    const seen = new Uint32Array(numbered ? sent : count);
    const last = new Map<number, number>();
    const like = new Uint8Array(bytes);
    let read = 0;
    for await (const batch of (await this.#client.topic(topic)).simpleConsumer({ until: "end" }).batches()) {
      for (const message of batch) {
        const value = message.value!;
        const number = numberOf(value, NUMBER_AT);
        if (!(number < seen.length)) throw new Error(`no value was sent with the number ${number}`);
        seen[number]!++;
        read++;
        like.set(pool.subarray(number % count * bytes, (number % count + 1) * bytes));
        if (numbered) withNumber(like, number);
        if (!same(value, like)) throw new Error(`the bytes of number ${number} differ`);
        if (!numbered) continue;
        const place = Math.floor(number / ordered) * PARTITIONS + batch.partition;
        const before = last.get(place) ?? -1;
        if (number <= before) {
          throw new Error(`number ${number} comes behind ${before} in partition ${batch.partition}`);
        }
        last.set(place, number);
      }
    }
    if (read !== sent) throw new Error(`${sent} messages were acknowledged and ${read} are in the log`);
    seen.forEach((times, number) => {
      const expected = numbered ? 1 : Math.floor(sent / count) + (number < sent % count ? 1 : 0);
      if (times !== expected) throw new Error(`number ${number} is ${times} times in the log instead of ${expected}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    await this.#cluster[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Writes a number into a value, where the number has its place. */
function withNumber(value: Uint8Array, number: number): Uint8Array {
  const digits = String(number).padStart(10, "0");
  for (let i = 0; i < digits.length; i++) value[NUMBER_AT + i] = digits.charCodeAt(i);
  return value;
}
