/** Brokers die, are restarted and held, while clients with default options produce and consume: nothing is lost, and nobody notices. */

import { assert } from "chai";
import { join } from "node:path";
import process from "node:process";
import type { Compression, Topic } from "@samsa/kafka";
import { settingOf } from "../../harness.ts";
import { door } from "../../package/door.ts";
import { testWith } from "../../tools.ts";
import { RealKafka } from "../launcher.ts";
import { atLeast } from "../releases.ts";
import { keepReplica, readReplica } from "./replica_log.ts";
import { idIn, Traffic } from "./traffic.ts";
import { type Id, judge, type PartitionLog, type Replica } from "./verdict.ts";

const PARTITIONS = 6;
const BROKERS = [1, 2, 3];
const MESSAGES_MIN = 50_000;
const HELD_MS = 20_000;
/** A broker that was held has so long to be in sync again. */
const BACK_MS = 30_000;
/** For other mixes by hand: `SAMSA_DEATH_CLIENTS=12 SAMSA_DEATH_GZIP=1 SAMSA_DEATH_LINGER=5`. */
const clients = settingOf("SAMSA_DEATH_CLIENTS", 1);
const compression: Compression = settingOf("SAMSA_DEATH_GZIP", 0) ? "gzip" : "none";
const lingerMs = settingOf("SAMSA_DEATH_LINGER", 0);
const rate = settingOf("SAMSA_DEATH_RATE", 2_500);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What happens to the brokers. What the files of all of them held is kept at each fault. */
class Faults {
  readonly #kept: { readonly broker: number; readonly folder: string }[] = [];
  readonly #kafka: RealKafka;
  readonly #topic: string;
  readonly #start = performance.now();

  constructor(kafka: RealKafka, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  #log(text: string): void {
    console.log(`${((performance.now() - this.#start) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  }

  /** Nothing is done to a broker before all replicas are in sync. Gives the leader of a partition. */
  async #leader(partition: number): Promise<number> {
    await this.#kafka.inSync(this.#topic);
    await sleep(1_000);
    return (await this.#kafka.partitions(this.#topic))[partition]!.leader;
  }

  /** The files as they are now: they are read only if something is missing in the end. */
  async #keepFiles(): Promise<void> {
    const fault = this.#kept.length / BROKERS.length;
    await Promise.all(BROKERS.map(async (broker) => {
      const folder = join(this.#kafka.folder, `kept-${fault}-${broker}`);
      await keepReplica(this.#kafka.dataFolder(broker), this.#topic, PARTITIONS, folder);
      this.#kept.push({ broker, folder });
    }));
  }

  /** Reads all that was kept. */
  async kept(): Promise<Replica[]> {
    const replicas: Replica[] = [];
    for (const { broker, folder } of this.#kept) {
      replicas.push(await readReplica(broker, folder, this.#topic, PARTITIONS, idIn));
    }
    return replicas;
  }

  async kill(partition: number): Promise<void> {
    const broker = await this.#leader(partition);
    this.#log(`kill broker ${broker}`);
    await this.#kafka.kill(broker);
    await this.#keepFiles();
    await sleep(2_000);
    await this.#kafka.start(broker);
    this.#log(`broker ${broker} is back`);
  }

  async restart(broker: number): Promise<void> {
    await this.#leader(0);
    this.#log(`stop broker ${broker}`);
    await this.#kafka.stop(broker);
    this.#log(`broker ${broker} has stopped`);
    await this.#keepFiles();
    await this.#kafka.start(broker);
    this.#log(`broker ${broker} is back`);
  }

  async hold(partition: number): Promise<void> {
    const broker = await this.#leader(partition);
    this.#log(`hold broker ${broker}`);
    await this.#kafka.pause(broker);
    await this.#keepFiles();
    await sleep(HELD_MS);
    await this.#kafka.resume(broker);
    this.#log(`broker ${broker} goes on`);
    await this.#comesBack(broker);
    this.#log("all replicas are in sync");
  }

  /** Brokers before 1.1 that were held may believe for ever that they lead (KAFKA-2729): such a one is restarted. */
  async #comesBack(broker: number): Promise<void> {
    try {
      await this.#kafka.inSync(this.#topic, BACK_MS);
    } catch (error) {
      const isStuck = this.#kafka.logTail(broker).includes("Cached zkVersion");
      if (!isStuck || atLeast(this.#kafka.release, "1.1")) throw error;
      this.#log(`broker ${broker} does not see that it leads no more, by its own fault: kill it, start it`);
      await this.#kafka.kill(broker);
      await this.#keepFiles();
      await this.#kafka.start(broker);
      await this.#kafka.inSync(this.#topic);
    }
  }
}

/** The whole topic as a new consumer reads it. */
async function readLog(topic: Topic): Promise<Id[][]> {
  const logs = Array.from({ length: PARTITIONS }, (): Id[] => []);
  for await (const message of topic.simpleConsumer({ until: "end" })) {
    logs[message.partition]![message.offset] = idIn(message);
  }
  return logs;
}

/** What was read, with what only files tell: where batches begin. */
function bordered(log: readonly Id[][], { partitions }: Replica): PartitionLog[] {
  return log.map((ids, partition) => ({ ids, batches: partitions[partition]!.batches }));
}

async function files(kafka: RealKafka, topic: string): Promise<Replica[]> {
  const read = (id: number) => readReplica(id, kafka.dataFolder(id), topic, PARTITIONS, idIn);
  return await Promise.all(BROKERS.map(read));
}

/** Leaders are killed, all brokers restarted one after the other, one is held. */
async function brokersDie(kafka: RealKafka, traffic: Traffic, faults: Faults, kills: number): Promise<void> {
  for (let nth = 0; nth < kills; nth++) await faults.kill(nth % PARTITIONS);
  while (traffic.count < MESSAGES_MIN) await sleep(100);
  for (const broker of BROKERS) await faults.restart(broker);
  await faults.hold(3);
  await kafka.inSync("death");
}

/** What was never idempotent is killed less often: there is less to break. `SAMSA_DEATH_RELEASES` plays other releases by hand. */
const killsOf = (release: string): number => settingOf("SAMSA_DEATH_KILLS", atLeast(release, "0.11") ? 10 : 3);

for (const release of process.env.SAMSA_DEATH_RELEASES?.split(",") ?? ["4.4.0", "0.8.2.2"]) {
  testWith(["java", "mvn"], `Kafka ${release}: brokers die and come back, and nothing is lost`, async () => {
    const settings = { "min.insync.replicas": 2, "unclean.leader.election.enable": false };
    await using kafka = await RealKafka.start({ release, brokers: BROKERS.length, settings });
    await kafka.createTopic("death", { partitions: PARTITIONS, replicationFactor: BROKERS.length });
    await using client = await door.connect({ hosts: kafka.hosts });
    const topic = await client.topic("death");
    const traffic = new Traffic(topic, { partitions: PARTITIONS, clients, rate, compression, lingerMs });
    const faults = new Faults(kafka, "death");
    try {
      await brokersDie(kafka, traffic, faults, killsOf(release));
      await traffic.finish();
    } finally {
      await traffic.close();
    }
    const log = await readLog(topic);
    for (const broker of BROKERS) await kafka.kill(broker);
    const { produced, acknowledged, readers } = traffic;
    const once = atLeast(release, "0.11");
    const replicas = await files(kafka, "death");
    const evidence = { produced, once, acknowledged, log: bordered(log, replicas[0]!), readers, replicas, kept: [] };
    let verdict = judge(evidence);
    if (verdict.ours.length > 0) verdict = judge({ ...evidence, kept: await faults.kept() });
    const { duplicates, retries, ours, theirs } = verdict;
    const waits = readers.map(({ longestWaitMs }) => Math.round(longestWaitMs));
    console.log(
      `Kafka ${release}: ${traffic.acknowledgedCount} messages acknowledged, the slowest after ` +
        `${Math.round(traffic.longestWaitMs)} ms; ${duplicates} stand there again, of ${retries} batches that were ` +
        `retried after they had been written; consumers waited ${Math.max(...waits)} ms at most`,
    );
    for (const text of theirs) console.log(`the broker's own: ${text}`);
    assert.equal(traffic.errors.map(String).join("\n"), "", "errors that users were given");
    assert.equal(ours.join("\n"), "", "faults of ours");
    if (once) assert.equal(theirs.join("\n"), "", "what right brokers do not do");
  });
}
