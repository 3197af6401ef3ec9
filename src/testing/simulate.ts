/** An application and an embedded cluster in made-up time, for as many seeds as one likes: what users' tests begin with. */

import { checkOptions, type OptionRule, type OptionRules, someObject, wholeNumber } from "../base/options.ts";
import { KafkaClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import type { Dial } from "../transport/transport.ts";
import { Chance } from "./chance.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { commonFaults, drawFaults, type Fault, type FaultKind, playFaults } from "./faults.ts";
import { dialOf, Network } from "./network.ts";
import { kindOf, shrink } from "./shrink.ts";
import { type Process, type Report, SimulatedWorld } from "./world.ts";

/** A machine that an application runs on. */
export interface Machine {
  /** Its clock, its chance and its event loop: a `World` for the application and its clients, that a test may `freeze` or `kill`. */
  readonly world: Process;
  /** How clients connect from here. */
  readonly dial: Dial;
  /** A client on this machine. It is closed when the test is over, unless the machine has been killed. */
  connect(options?: Partial<ConnectOptions>): Promise<KafkaClient>;
}

/** What a simulated test is given: the machine that the application runs on, and all around it. */
export interface Simulation extends Machine {
  /** A client on this machine, connected already. */
  readonly client: KafkaClient;
  /** The cluster: to look into, to bend its answers, to kill its brokers. */
  readonly cluster: Cluster;
  /** The wires between all machines. */
  readonly network: Network;
  /** Another machine with a clock of its own: for a second instance of the application, or for whoever it works with. */
  machine(name: string): Machine;
}

/** What to simulate. */
export interface SimulateOptions
  extends
    Pick<ClusterOptions, "brokers" | "release" | "topics" | "codecs" | "connectionsMaxIdleMs" | "strict" | "sasl"> {
  /** How many seeds to play, from 1 on; 20 if not said. */
  readonly seeds?: number | undefined;
  /** The only seed to play: to see again what failed. */
  readonly seed?: number | undefined;
  /** Virtual milliseconds by which a seed has to be over; an hour if not said. */
  readonly limitMs?: number | undefined;
  /**
   * For how many virtual milliseconds things go wrong, of each seed's own choice: connections break, brokers die and come back,
   * machines stand still. 0 (nothing goes wrong) if not said.
   */
  readonly faultsForMs?: number | undefined;
  /** Exactly these faults instead: to see again what failed. */
  readonly faults?: readonly Fault[] | undefined;
  /** Options of every client. */
  readonly client?: Partial<ConnectOptions> | undefined;
}

/** The cluster checks these itself. */
const checkedLater: OptionRule = { allowed: "", accepts: () => true };

const rules: OptionRules<SimulateOptions> = {
  brokers: checkedLater,
  release: checkedLater,
  topics: checkedLater,
  codecs: checkedLater,
  connectionsMaxIdleMs: checkedLater,
  strict: checkedLater,
  sasl: checkedLater,
  seeds: wholeNumber(1, 0xffffffff),
  seed: wholeNumber(0, 0xffffffff),
  limitMs: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  faultsForMs: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  faults: someObject,
  client: someObject,
};

const defaults = { seeds: 20, limitMs: 3_600_000, faultsForMs: 0, client: {} } as const;

/** A clock that is off by a day is left to the test (`world.skew`): brokers from 3.6 on refuse what comes from tomorrow. */
const faultKinds: readonly FaultKind[] = [...commonFaults.filter((kind) => kind !== "skew"), "crash", "crash"];

/** How one seed went. */
interface Outcome {
  readonly report: Report;
  readonly faults: readonly Fault[];
  readonly cause: unknown;
}

/**
 * Plays `test` once for each seed, every time in a new world with a new cluster, and gives what each run came to. A run of hours
 * takes as long as there is something to do in it. The first seed that fails ends it: an error says which, when, why and how to
 * see it again, and has what was thrown as its `cause`. Where faults were drawn it names the fewest with which the seed still fails.
 *
 * A run fails when `test` rejects; when a promise is rejected and nobody listens; when nothing can happen any more and the test
 * is not over; when it is not over by `limitMs`; when the application asks for the real clock or for real chance; and when
 * something is left at the end: a timer, a consumer, a connection. Clients from here are closed before, and theirs with them.
 *
 * One simulation runs at a time in a program.
 *
 * ```ts ignore
 * await simulate({ topics: { orders: {} } }, async ({ world, client, cluster }) => {
 *   const orders = await client.topic("orders");
 *   await orders.producer().produce("an order");
 *   await world.sleep(24 * 3_600_000); // at once
 *   console.log((await cluster.records("orders", 0)).length);
 * });
 * ```
 */
export async function simulate(
  options: SimulateOptions,
  test: (simulation: Simulation) => Promise<void>,
): Promise<readonly Report[]> {
  const { seed, seeds, faultsForMs, faults } = checkOptions("simulate", options, rules, defaults);
  const reports: Report[] = [];
  const last = seed ?? seeds;
  for (let now = seed ?? 1; now <= last; now++) {
    const drawn = faults ?? drawFaults(new Chance(now, "faults"), faultsForMs, faultsForMs > 0 ? faultKinds : []);
    const outcome = await play(now, drawn, options, test);
    if (outcome.report.failure !== undefined) throw await explained(outcome, options, test);
    reports.push(outcome.report);
  }
  return reports;
}

async function play(
  seed: number,
  faults: readonly Fault[],
  options: SimulateOptions,
  test: (simulation: Simulation) => Promise<void>,
): Promise<Outcome> {
  const world = new SimulatedWorld(seed);
  const report = await world.run(
    () => new Stage(world, options).run(faults, test),
    options.limitMs ?? defaults.limitMs,
  );
  return { report, faults, cause: world.cause };
}

async function explained(
  { report, faults, cause }: Outcome,
  options: SimulateOptions,
  test: (simulation: Simulation) => Promise<void>,
): Promise<Error> {
  const { seed, failure, virtualMs } = report;
  const kind = kindOf(failure);
  const fewest = await shrink(faults, async (fewer) => {
    return kindOf((await play(seed, fewer, options, test)).report.failure) === kind;
  });
  const same = fewest.length > 0 ? `{ seed: ${seed}, faults: ${JSON.stringify(fewest)} }` : `{ seed: ${seed} }`;
  const at = (virtualMs / 1000).toFixed(3);
  return new Error(
    `seed ${seed} fails after ${at} s of its own time: ${
      failure!.replace(/^main threw /, "")
    }\nTo see it again: ${same}`,
    { cause },
  );
}

/** One seed's cluster, machines and wires. */
class Stage {
  readonly #world: SimulatedWorld;
  readonly #options: SimulateOptions;
  readonly #network: Network;
  readonly #clients: { readonly process: Process; readonly client: KafkaClient }[] = [];
  readonly #machines: Process[] = [];
  readonly #restarts: Promise<void>[] = [];

  constructor(world: SimulatedWorld, options: SimulateOptions) {
    this.#world = world;
    this.#options = options;
    this.#network = new Network(world);
  }

  async run(faults: readonly Fault[], test: (simulation: Simulation) => Promise<void>): Promise<void> {
    const { brokers, release, topics, codecs, connectionsMaxIdleMs, strict, sasl } = this.#options;
    const network = this.#network;
    const cluster = await Cluster.start({
      ...{ brokers, release, topics, codecs, connectionsMaxIdleMs, strict, sasl },
      simulation: { world: this.#world, network },
    });
    const machine = (name: string) => this.#machine(name, cluster);
    const application = machine("application");
    const client = await application.connect();
    this.#playFaults(faults, cluster);
    await test({ ...application, client, cluster, network, machine });
    await Promise.all(this.#restarts);
    for (const { process, client } of this.#clients) if (!process.isDead) await client.close();
    await cluster.close();
  }

  #machine(name: string, cluster: Cluster): Machine {
    const world = this.#world.process(name);
    const dial = dialOf(this.#network, world);
    const { codecs, client: common } = this.#options;
    this.#machines.push(world);
    const connect = async (options: Partial<ConnectOptions> = {}) => {
      const { hosts } = cluster;
      const client = await KafkaClient.connect({ hosts, codecs, ...common, ...options, dial, world });
      this.#clients.push({ process: world, client });
      return client;
    };
    return { world, dial, connect };
  }

  #playFaults(faults: readonly Fault[], cluster: Cluster): void {
    const world = this.#world, machines = this.#machines;
    playFaults({
      ...{ world, network: this.#network, addresses: cluster.hosts.split(",") },
      get processes() {
        const brokers = world.processes.filter(({ name }) => name.startsWith("broker "));
        return [...machines, ...brokers].filter(({ isDead }) => !isDead);
      },
      crash: (which, ms) => this.#crash(which, ms, cluster),
    }, faults);
  }

  /** A broker dies, and comes back by itself. */
  #crash(which: number, ms: number, cluster: Cluster): void {
    const { id, alive } = cluster.brokers[which % cluster.brokers.length]!;
    if (!alive) return;
    const operator = this.#world.process(`operator of broker ${id}`);
    const restart = operator.task(`restart of broker ${id}`, async () => {
      await cluster.kill(id);
      await operator.sleep(ms);
      await cluster.start(id);
    });
    this.#restarts.push(restart);
  }
}
