/** Starts real Kafka clusters on this machine for tests: brokers, and ZooKeeper where the release needs it. */

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeAfterUs, runJava, Server, type ServerCommand } from "./jvm.ts";
import { askMetadata, askZooKeeper, type ClusterState, freePorts, type PartitionState } from "./probe.ts";
import { fullClassPath } from "./programs.ts";
import { atLeast, withoutZooKeeper } from "./releases.ts";
import { listenersOf, Security } from "./secured.ts";
import {
  brokerSettings,
  type Place,
  propertiesFile,
  type Settings,
  zooKeeperFlags,
  zooKeeperSettings,
} from "./settings.ts";

export { resolveJars } from "./jars.ts";
export { releases } from "./releases.ts";

const readyTimeoutMs = 60_000;
const attempts = 3;

/** What to start. */
export interface KafkaOptions {
  /** Kafka's release, such as `"4.4.0"`. */
  readonly release: string;
  /** How many brokers, with the ids from 1 on; one by default. */
  readonly brokers?: number | undefined;
  /** Settings of every broker that go before the launcher's own. */
  readonly settings?: Settings | undefined;
  /** Flags for every broker's JVM, such as `-Xmx1g`; they go before the launcher's own. */
  readonly flags?: readonly string[] | undefined;
  /** Whether there are listeners with TLS and SASL too, users and an authorizer; from 0.9 on. No if not said. */
  readonly secured?: boolean | undefined;
}

/** A new topic. */
export interface TopicOptions {
  /** One by default. */
  readonly partitions?: number | undefined;
  /** One by default. */
  readonly replicationFactor?: number | undefined;
  /** Its own settings, such as `max.message.bytes`. */
  readonly settings?: Settings | undefined;
}

/** One broker of a cluster. */
export interface Broker {
  readonly id: number;
  readonly port: number;
  /** The id of its process, a new one after each start. */
  readonly pid: number;
}

/** A server's place in the cluster, which outlives its process. */
interface Seat extends Place {
  readonly name: string;
  readonly command: ServerCommand;
  server: Server | undefined;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A Kafka cluster in processes of its own. They end with it, or with the process that started it, whatever ends that. */
export class RealKafka implements AsyncDisposable {
  /** Its release. */
  readonly release: string;
  /** The addresses of its brokers, `127.0.0.1:port` with commas between. */
  readonly hosts: string;
  /** The address of its ZooKeeper, where it has one. */
  readonly zookeeper: string | undefined;
  /** The release's jars, and our programs in front of them. */
  readonly classPath: string;
  /** Where its settings, logs and data lie; it goes with the cluster. */
  readonly folder: string;
  readonly #endWatch: () => Promise<void>;
  readonly #seats: Seat[];
  readonly #keeper: Seat | undefined;
  readonly #security: Security | undefined;

  private constructor(
    release: string,
    classPath: string,
    folder: string,
    keeper: Seat | undefined,
    seats: Seat[],
    security: Security | undefined,
  ) {
    this.release = release;
    this.classPath = classPath;
    this.hosts = seats.map(({ port }) => `127.0.0.1:${port}`).join();
    this.zookeeper = keeper && `127.0.0.1:${keeper.port}`;
    this.folder = folder;
    this.#endWatch = removeAfterUs(folder);
    this.#keeper = keeper;
    this.#seats = seats;
    this.#security = security;
  }

  /** Starts a cluster; it resolves when every broker knows of all of them. */
  static async start(options: KafkaOptions): Promise<RealKafka> {
    const classPath = await fullClassPath(options.release);
    for (let attempt = 1;; attempt++) {
      const kafka = await RealKafka.#layOut(options, classPath);
      try {
        await kafka.#startAll();
        return kafka;
      } catch (error) {
        const logs = kafka.#logs();
        await kafka[Symbol.asyncDispose]();
        // Somebody else may have taken a port since we saw that it was free.
        if (attempt < attempts && /Address already in use|BindException/.test(logs)) continue;
        throw new Error(`Kafka ${options.release} does not start\n${logs}`, { cause: error });
      }
    }
  }

  static async #layOut(options: KafkaOptions, classPath: string): Promise<RealKafka> {
    const { release, brokers = 1, settings = {}, flags = [] } = options;
    const folder = await mkdtemp(join(tmpdir(), `samsa-kafka-${release}-`));
    const securePorts = options.secured ? listenersOf(release).length : 0;
    const [keeperPort = 0, ...ports] = await freePorts(1 + (2 + securePorts) * brokers);
    const more = ports.splice(2 * brokers);
    const portsOf = Array.from({ length: brokers }, (_, i) => more.slice(i * securePorts, (i + 1) * securePorts));
    const security = options.secured ? new Security(release, folder, portsOf) : undefined;
    const seat = async (
      name: string,
      place: Place,
      main: string,
      own: Settings,
      jvm: readonly string[],
    ): Promise<Seat> => {
      const file = join(folder, `${name}.properties`);
      await mkdir(place.folder);
      await writeFile(file, propertiesFile(own));
      const command = { classPath, main, args: [file], flags: jvm, log: join(folder, `${name}.log`) };
      return { ...place, name, command, server: undefined };
    };
    let keeper: Seat | undefined;
    if (!withoutZooKeeper(release)) {
      const place = { id: 0, port: keeperPort, controllerPort: 0, folder: join(folder, "zookeeper") };
      const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
      keeper = await seat("zookeeper", place, main, zooKeeperSettings(keeperPort, place.folder), zooKeeperFlags);
    }
    const places = Array.from({ length: brokers }, (_, i): Place => {
      const [port = 0, controllerPort = 0] = [ports[i], ports[brokers + i]];
      return { id: i + 1, port, controllerPort, folder: join(folder, `broker-${i + 1}-data`) };
    });
    const seats: Seat[] = [];
    for (const [i, place] of places.entries()) {
      const plain = brokerSettings(release, place, places, keeper && `127.0.0.1:${keeper.port}`);
      const own = security ? security.settings(i, plain) : plain;
      const jvm = [...security?.flags ?? [], ...flags];
      seats.push(await seat(`broker-${place.id}`, place, "kafka.Kafka", { ...own, ...settings }, jvm));
    }
    return new RealKafka(release, classPath, folder, keeper, seats, security);
  }

  async #startAll(): Promise<void> {
    const keeper = this.#keeper;
    const tool = (main: string, args: readonly string[]) => this.tool(main, args);
    await this.#security?.write(this.#security.broker(), tool);
    if (keeper) {
      keeper.server = new Server(keeper.command);
      await this.#until(
        "ZooKeeper serves",
        [keeper],
        async () => /^Mode: /m.test(await askZooKeeper(keeper.port, "srvr")),
      );
    } else {
      await this.#formatStorage();
    }
    const starts = this.#seats.map((seat) => this.#startBroker(seat));
    try {
      await Promise.all(starts);
      if (this.zookeeper !== undefined) await this.#security?.addUsers(this.zookeeper, tool);
    } catch (error) {
      await this.#killAll();
      await Promise.allSettled(starts);
      throw error;
    }
  }

  /** Kafka's own tool formats the folder of the first broker; the others get a copy under their own ids. */
  async #formatStorage(): Promise<void> {
    const [first, ...others] = this.#seats as [Seat, ...Seat[]];
    // Kafka's ids are 22 characters of base64url; one that begins with "-" would be taken for an option.
    const clusterId = `S${randomBytes(16).toString("base64url").slice(1)}`;
    const [file = ""] = first.command.args;
    await this.tool("kafka.tools.StorageTool", [
      ...["format", "--cluster-id", clusterId, "--config", file],
      ...this.#security?.formatting ?? [],
    ]);
    const properties = await readFile(join(first.folder, "meta.properties"), "utf8");
    for (const { id, folder } of others) {
      await cp(first.folder, folder, { recursive: true });
      const own = properties.replace(/^directory\.id=.*\n/m, "").replace(/^node\.id=.*$/m, `node.id=${id}`);
      await writeFile(join(folder, "meta.properties"), own);
    }
  }

  /** Starts one broker, and waits until it says that it has started and every broker that runs knows of it. */
  async #startBroker(seat: Seat): Promise<void> {
    const from = logSize(seat.command.log);
    seat.server = new Server(seat.command);
    const started = /Kafka ?Server.*\bstarted\b/;
    await this.#until(`${seat.name} serves`, [seat], async () => {
      if (!started.test(logText(seat.command.log, from))) return false;
      // A broker of 0.8 names no brokers before the first topic; but it registers before it says that it has started.
      if (!atLeast(this.release, "0.9")) return await this.#hasNode("/controller");
      const states = await Promise.all(this.#serving().map(({ port }) => askMetadata(port)));
      return states.every((state) => state?.brokers.includes(seat.id));
    });
  }

  /** Whether ZooKeeper has this node, which lives as long as the session of the broker that made it. */
  async #hasNode(path: string): Promise<boolean> {
    return this.#keeper !== undefined && (await askZooKeeper(this.#keeper.port, "dump")).includes(`\t${path}\n`);
  }

  /** The brokers that run and are not held. */
  #serving(): Seat[] {
    return this.#seats.filter(({ server }) => server?.running && !server.paused);
  }

  /** Waits until something is so; fails if one of the servers that it needs has ended, or after a minute, if not said otherwise. */
  async #until(
    what: string,
    needed: readonly Seat[],
    isSo: () => Promise<boolean>,
    timeoutMs = readyTimeoutMs,
  ): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!await isSo()) {
      const dead = needed.find(({ server }) => !server?.running);
      if (dead) throw new Error(`${dead.name} has ended\n${tail(dead.command.log)}`);
      if (Date.now() > end) throw new Error(`waited in vain until ${what}\n${this.#logs()}`);
      await sleep(20);
    }
  }

  #seat(id: number): Seat {
    const seat = this.#seats.find((each) => each.id === id);
    if (seat === undefined) throw new RangeError(`there is no broker ${id}`);
    return seat;
  }

  #server(id: number): Server {
    const { server, name } = this.#seat(id);
    if (!server?.running) throw new Error(`${name} does not run`);
    return server;
  }

  /** What secures it; only a cluster that was started so has it. */
  get security(): Security {
    if (this.#security === undefined) throw new Error("this cluster is not secured");
    return this.#security;
  }

  /** Its brokers, those too that do not run now. */
  get brokers(): readonly Broker[] {
    return this.#seats.map(({ id, port, server }) => ({ id, port, pid: server?.pid ?? 0 }));
  }

  /** Ends a broker at once, as a loss of power would. */
  async kill(id: number): Promise<void> {
    await this.#server(id).kill();
  }

  /** Asks a broker to end; it hands its partitions over first, which may take seconds. */
  async stop(id: number): Promise<void> {
    await this.#server(id).stop();
  }

  /** Holds a broker where it is: its sockets stay open, and it answers nobody. */
  // deno-lint-ignore require-await -- all verbs are promises, and all of them reject where there is no such broker
  async pause(id: number): Promise<void> {
    this.#server(id).pause();
  }

  /** Lets a broker that was held go on. */
  async resume(id: number): Promise<void> {
    await this.#server(id).resume();
  }

  /** Starts a broker that was killed or stopped, on its old port and data, and waits until those that run know of it. */
  async start(id: number): Promise<void> {
    const seat = this.#seat(id);
    if (seat.server?.running) throw new Error(`${seat.name} runs already`);
    // A broker that finds the registration of its former self either waits long or gives up, as 2.8 does.
    await this.#until(
      `ZooKeeper has forgotten ${seat.name}`,
      [],
      async () => !await this.#hasNode(`/brokers/ids/${id}`),
    );
    await this.#startBroker(seat);
  }

  /** Runs a class of the release's jars or one of our programs, and returns what it printed. */
  tool(main: string, args: readonly string[], input?: string): Promise<string> {
    return runJava(this.classPath, main, args, { input, cwd: this.folder });
  }

  /** Makes a topic by the release's own means, and waits until every broker knows a leader for each partition. */
  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    const { partitions = 1, replicationFactor = 1, settings = {} } = options;
    const own = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    if (atLeast(this.release, "0.11")) {
      await this.tool("CreateTopic", [this.hosts, name, String(partitions), String(replicationFactor), ...own]);
    } else {
      const size = ["--partitions", String(partitions), "--replication-factor", String(replicationFactor)];
      const where = ["--zookeeper", this.zookeeper ?? "", "--topic", name];
      const config = own.flatMap((each) => ["--config", each]);
      await this.tool("kafka.admin.TopicCommand", ["--create", ...where, ...size, ...config]);
    }
    const isThere = (state: ClusterState | undefined): boolean => {
      const known = state?.topics.get(name) ?? [];
      return known.length === partitions && known.every(({ error, leader }) => error === 0 && leader >= 0);
    };
    await this.#until(`topic ${name} is there`, this.#serving(), async () => {
      return (await Promise.all(this.#serving().map(({ port }) => askMetadata(port, name)))).every(isThere);
    });
  }

  /** What the first broker that serves tells of a topic's partitions, in their order. */
  async partitions(topic: string): Promise<readonly PartitionState[]> {
    for (const { port } of this.#serving()) {
      const state = await askMetadata(port, topic);
      const known = state?.topics.get(topic);
      if (known !== undefined) return known.toSorted((a, b) => a.partition - b.partition);
    }
    throw new Error(`no broker tells of topic ${topic}`);
  }

  /** Waits until every replica of every partition of a topic is in sync again, as all brokers that serve tell it: for a minute if not said. */
  async inSync(topic: string, timeoutMs?: number): Promise<void> {
    await this.#until(`all replicas of ${topic} are in sync`, [], async () => {
      // A broker of 0.8 does not tell when replicas are in sync again, ZooKeeper does.
      if (!atLeast(this.release, "0.9")) {
        const where = ["--zookeeper", this.zookeeper ?? "", "--topic", topic];
        const told = await this.tool("kafka.admin.TopicCommand", [
          "--describe",
          "--under-replicated-partitions",
          ...where,
        ]);
        return told.trim() === "";
      }
      const states = await Promise.all(this.#serving().map(({ port }) => askMetadata(port, topic)));
      return states.every((state) => {
        const known = state?.topics.get(topic) ?? [];
        // Replicas on brokers that are away are left out here, and an error tells that.
        return known.length > 0 &&
          known.every(({ error, inSync, replicas }) => error === 0 && inSync.length === replicas.length);
      });
    }, timeoutMs);
  }

  /** The folder of a broker's data; the log of each partition lies in a folder of its own below it. */
  dataFolder(id: number): string {
    return this.#seat(id).folder;
  }

  /** The end of what a broker has said. */
  logTail(id: number): string {
    return tail(this.#seat(id).command.log);
  }

  /** All of its servers, ZooKeeper first. */
  #all(): Seat[] {
    return this.#keeper ? [this.#keeper, ...this.#seats] : this.#seats;
  }

  async #killAll(): Promise<void> {
    // Where a server did not even start, its own promise has said so.
    await Promise.allSettled(this.#all().map(({ server }) => server?.kill()));
  }

  #logs(): string {
    return this.#all().map(({ name, command }) => `---- ${name}\n${tail(command.log)}`).join("\n");
  }

  /** Ends all of its servers at once and removes their data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#killAll();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    await this.#endWatch();
  }
}

function logSize(file: string): number {
  const descriptor = openSync(file, "a");
  const { size } = fstatSync(descriptor);
  closeSync(descriptor);
  return size;
}

function logText(file: string, from: number): string {
  const descriptor = openSync(file, "r");
  const bytes = new Uint8Array(Math.max(0, fstatSync(descriptor).size - from));
  const length = readSync(descriptor, bytes, 0, bytes.length, from);
  closeSync(descriptor);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function tail(file: string): string {
  try {
    return readFileSync(file, "utf8").slice(-4000);
  } catch {
    return "";
  }
}
