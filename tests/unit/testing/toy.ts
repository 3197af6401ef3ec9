/** A toy client and an echoing server over a simulated network, with bugs to plant: what the world's own tests look at. */

import { Gate } from "../../../src/base/async.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import type { Deferred, Timer } from "../../../src/base/world.ts";
import type { Dial, Listener, Transport } from "../../../src/transport/transport.ts";
import { Chance } from "../../../src/testing/chance.ts";
import { commonFaults, drawFaults, type Fault, playFaults } from "../../../src/testing/faults.ts";
import { addressText, dialOf, Network } from "../../../src/testing/network.ts";
import { type Process, type Report, SimulatedWorld } from "../../../src/testing/world.ts";

/** `wake`: a wake-up between looking and waiting is lost; `timer`: an answered request's timer stays; `frame`: part of a frame is taken as all; `reuse`: a buffer is changed while it is written; `stale`: what was looked up before an await is acted on after it. */
export type Bug = "none" | "wake" | "timer" | "frame" | "reuse" | "stale";

const DEADLINE_MS = 1000;
const FRAME = 8;
const CALLS = 20;
const CLIENTS = 3;
const FAULTS_END_MS = 4000;
const HOSTS = [{ host: "a", port: 9092 }, { host: "b", port: 9092 }];

interface Call {
  readonly number: number;
  readonly answer: Deferred<void>;
  timer?: Timer;
}

class ToyClient {
  readonly #process: Process;
  readonly #dial: Dial;
  readonly #address: typeof HOSTS[number];
  readonly #id: number;
  readonly #bug: Bug;
  readonly #chance: Chance;
  readonly #gate: Gate;
  readonly #loop: Promise<void>;
  readonly #closing = new AbortController();
  #waiting: Call[] = [];
  #sent: Call[] = [];
  #lastNumber = 0;
  #broken: Deferred<void> | undefined;

  constructor(process: Process, network: Network, address: typeof HOSTS[number], id: number, bug: Bug) {
    this.#process = process;
    this.#dial = dialOf(network, process);
    this.#address = address;
    this.#id = id;
    this.#bug = bug;
    this.#chance = process.chance.fork(`toy ${addressText(address)}`);
    this.#gate = new Gate(process, "calls to make");
    this.#loop = process.task(`client of ${addressText(address)}`, () => this.#run());
  }

  call(): Promise<void> {
    const call = { number: ++this.#lastNumber, answer: this.#process.deferred<void>("answer") };
    this.#waiting.push(call);
    this.#wake();
    return call.answer.promise;
  }

  async close(): Promise<void> {
    this.#closing.abort(new KafkaError("CLOSED", "closed"));
    this.#wake();
    await this.#loop;
  }

  #wake(): void {
    if (this.#bug !== "wake") return this.#gate.open();
    this.#broken?.resolve();
    this.#broken = undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const transport = await this.#dial(this.#address, { signal });
        const session = new AbortController();
        await Promise.all([
          this.#write(transport, session.signal).catch(swallow),
          this.#read(transport, session).catch(swallow),
        ]);
      } catch (error) {
        swallow(error);
      }
      for (const call of this.#sent) call.timer?.cancel();
      this.#waiting = [...this.#sent.splice(0), ...this.#waiting];
      await this.#process.sleep(20 + this.#chance.below(100), signal).catch(swallow);
    }
  }

  async #write(transport: Transport, over: AbortSignal): Promise<void> {
    const frame = new Uint8Array(FRAME);
    const close = () => transport.close();
    this.#closing.signal.addEventListener("abort", close, { once: true });
    try {
      while (!over.aborted) {
        const call = this.#waiting.shift();
        if (!call) {
          await this.#workToCome();
          continue;
        }
        this.#sent.push(call);
        call.timer = this.#process.timer(DEADLINE_MS, close);
        const copy = this.#bug === "reuse" ? frame : new Uint8Array(FRAME);
        new DataView(copy.buffer).setUint32(0, this.#id);
        new DataView(copy.buffer).setUint32(4, call.number);
        const writing = transport.write([copy.subarray(0, 3), copy.subarray(3)]);
        if (this.#bug === "reuse") copy.fill(0);
        await writing;
      }
    } finally {
      this.#closing.signal.removeEventListener("abort", close);
      transport.close();
    }
  }

  async #workToCome(): Promise<void> {
    if (this.#bug !== "wake") return this.#gate.wait();
    await this.#process.sleep(0.01);
    this.#broken ??= this.#process.deferred("calls to make");
    await this.#broken.promise;
  }

  async #read(transport: Transport, session: AbortController): Promise<void> {
    const frame = new Uint8Array(FRAME);
    try {
      while (await transport.read(frame, this.#bug === "frame" ? 1 : FRAME) !== null) {
        const number = new DataView(frame.buffer).getUint32(4);
        const call = this.#sent.shift();
        if (call?.number !== number) throw new Error(`answer ${number} for call ${call?.number}`);
        if (this.#bug !== "timer") call.timer?.cancel();
        call.answer.resolve();
      }
    } finally {
      session.abort(OVER);
      this.#wake();
    }
  }
}

const OVER = new KafkaError("CLOSED", "over");

function swallow(error: unknown): void {
  if (!(error instanceof KafkaError)) throw error;
}

/** Echoes, once a number, in order; it can be stopped, and started again in another process with what it had on its disk. */
class ToyServer {
  readonly process: Process;
  readonly #applied: Map<number, number[]>;
  readonly #bug: Bug;
  readonly #listener: Listener;
  readonly #open = new Set<Transport>();
  readonly #serving: Promise<void>[] = [];

  constructor(
    process: Process,
    network: Network,
    address: typeof HOSTS[number],
    disk: Map<number, number[]>,
    bug: Bug,
  ) {
    this.process = process;
    this.#applied = disk;
    this.#bug = bug;
    this.#listener = network.listen(process, address);
    this.#serving.push(process.task("accept", () => this.#accept()));
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const transport of this.#open) transport.close();
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for await (const transport of this.#listener) {
      this.#open.add(transport);
      this.#serving.push(this.process.task("serve", () => this.#serve(transport)));
    }
  }

  async #serve(transport: Transport): Promise<void> {
    const frame = new Uint8Array(FRAME);
    const view = new DataView(frame.buffer);
    try {
      while (await transport.read(frame, FRAME) === FRAME) {
        const [client, number] = [view.getUint32(0), view.getUint32(4)];
        const log = this.#applied.get(client) ?? [];
        this.#applied.set(client, log);
        const looked = log.at(-1) ?? 0;
        await this.process.sleep(this.process.random() * 3);
        const last = this.#bug === "stale" ? looked : log.at(-1) ?? 0;
        if (number > last) log.push(number);
        await transport.write([frame.slice()]);
      }
    } catch (error) {
      swallow(error);
    } finally {
      transport.close();
      this.#open.delete(transport);
    }
  }
}

/** How a seed is played. */
export interface ToyOptions {
  readonly bug?: Bug;
  readonly faults?: readonly Fault[];
  readonly log?: boolean;
}

/** The faults that a seed has when nobody says otherwise. */
export function toyFaults(seed: number): Fault[] {
  return drawFaults(new Chance(seed, "faults"), FAULTS_END_MS, [...commonFaults, "crash"]);
}

/** Plays one seed: what was answered must be on the server's disk, once and in order. */
export async function playToy(
  seed: number,
  { bug = "none", faults = toyFaults(seed), log = false }: ToyOptions = {},
): Promise<Report & { readonly log: readonly string[] }> {
  const world = new SimulatedWorld(seed, { log });
  const network = new Network(world);
  const disks = HOSTS.map(() => new Map<number, number[]>());
  const start = (at: number) => new ToyServer(world.process(HOSTS[at]!.host), network, HOSTS[at]!, disks[at]!, bug);
  const servers = HOSTS.map((_, at) => start(at));
  const machines = Array.from({ length: CLIENTS }, (_, id) => world.process(`client ${id}`));
  const operator = world.process("operator");
  const restarts: Promise<void>[] = [];
  let isOver = false;
  const crash = (which: number, ms: number) => {
    const at = which % servers.length;
    if (isOver || servers[at]!.process.isDead) return;
    servers[at]!.process.kill();
    restarts.push(operator.task("restart", async () => {
      await operator.sleep(ms);
      servers[at] = start(at);
    }));
  };
  const processes = [...machines, ...servers.map((server) => server.process)];
  playFaults({ world, network, addresses: HOSTS.map(addressText), processes, crash }, faults);
  const report = await world.run(async () => {
    await Promise.all(machines.map((machine, id) => machine.task("workload", () => work(machine, network, id, bug))));
    isOver = true;
    await Promise.all(restarts);
    await Promise.all(servers.map((server) => server.close()));
    disks.forEach((disk) => check(world, disk));
  }, 120_000);
  return { ...report, log: world.log ?? [] };
}

async function work(machine: Process, network: Network, id: number, bug: Bug): Promise<void> {
  const clients = HOSTS.map((address) => new ToyClient(machine, network, address, id, bug));
  const chance = machine.chance.fork("workload");
  const calls: Promise<void>[] = [];
  for (let i = 0; i < CALLS; i++) {
    calls.push(clients[i % clients.length]!.call());
    if (chance.once(3)) await machine.sleep(chance.below(FAULTS_END_MS / 5));
  }
  await Promise.all(calls);
  await Promise.all(clients.map((client) => client.close()));
}

function check(world: SimulatedWorld, disk: Map<number, number[]>): void {
  for (let id = 0; id < CLIENTS; id++) {
    const applied = disk.get(id) ?? [];
    const wanted = Array.from({ length: CALLS / HOSTS.length }, (_, i) => i + 1);
    if (applied.join() !== wanted.join()) world.fail(`disk: client ${id} left ${applied.join()}`);
    applied.forEach((number) => world.trace(id, number));
  }
}
