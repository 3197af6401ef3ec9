/** Faults are plain data, drawn before the run: so they can be printed, played again, and taken out one by one. */

import { KafkaError } from "../base/errors.ts";
import type { Chance } from "./chance.ts";
import type { Keep, Link } from "./link.ts";
import { type Network, pairText } from "./network.ts";
import { kindOfHappening, type Process, type SimulatedWorld } from "./world.ts";

/**
 * What can go wrong. `cut`: a link breaks, one or both sides learn of it; `undelivered`, `unanswered`: it breaks at its next
 * request, before that is delivered, or behind it, so that it is done and its answer is lost; `silence`: a link breaks and nobody
 * learns of it; `stall`: nothing passes on it for a while; `refuse`, `mute`, `deaf`, `nameless`: an address refuses who dials, or
 * does not answer, or accepts and says nothing, or is not found; `partition`: an address is out of reach for a while; `one-way`:
 * one direction of an address, or of one client to it, stalls or vanishes while the other passes; `freeze`: a process stands
 * still; `skew`: its wall clock jumps; `crash`: what the stage makes of it.
 */
export type FaultKind =
  | "cut"
  | "undelivered"
  | "unanswered"
  | "silence"
  | "stall"
  | "refuse"
  | "mute"
  | "deaf"
  | "nameless"
  | "partition"
  | "one-way"
  | "freeze"
  | "skew"
  | "crash";

/** One thing that goes wrong. */
export interface Fault {
  /** When, in virtual milliseconds. */
  readonly at: number;
  /** What; a stage may have kinds of its own. */
  readonly kind: FaultKind | (string & Record<never, never>);
  /** To which link, address or process: taken modulo how many there are. */
  readonly which: number;
  /** For how long, in milliseconds; where a kind has no length it chooses among its forms. */
  readonly ms: number;
}

/** What every stage can suffer; a kind that is named twice is drawn twice as often. */
export const commonFaults: readonly FaultKind[] = [
  "cut",
  "cut",
  "undelivered",
  "unanswered",
  "silence",
  "stall",
  "refuse",
  "mute",
  "deaf",
  "nameless",
  "partition",
  "one-way",
  "freeze",
  "skew",
];

/** How many faults a seed has at most. */
const FAULTS_MAX = 11;

/** How long one takes at most. */
const FAULT_MS_MAX = 3000;

/** A seed's weather. It has only about half of the kinds: rare meetings of two are found where the rest is calm. */
export function drawFaults(chance: Chance, withinMs: number, kinds: readonly Fault["kind"][] = commonFaults): Fault[] {
  const some = kinds.filter(() => chance.once(2));
  const count = some.length === 0 ? 0 : chance.below(FAULTS_MAX + 1);
  const faults: Fault[] = [];
  for (let i = 0; i < count; i++) {
    faults.push({
      at: chance.below(withinMs),
      kind: chance.pick(some),
      which: chance.below(1000),
      ms: 1 + chance.below(FAULT_MS_MAX),
    });
  }
  return faults.sort((a, b) => a.at - b.at);
}

/** Who can suffer. */
export interface Stage {
  /** Where. */
  readonly world: SimulatedWorld;
  /** Its wires. */
  readonly network: Network;
  /** Addresses that somebody listens at, as `host:port`. */
  readonly addresses: readonly string[];
  /** Processes that may be frozen and whose clocks may be off. */
  readonly processes: readonly Process[];
  /** Kills something, and sees to it that it is back after `ms`; left out where nothing can be restarted. */
  readonly crash?: ((which: number, ms: number) => void) | undefined;
  /** Faults that only this stage knows, by their kinds. */
  readonly special?: ReadonlyMap<string, (which: number, ms: number) => void> | undefined;
}

const FATE = kindOfHappening("fate");

/** How many of the newest links a fault chooses from: old ones are mostly idle. */
const NEWEST_LINKS = 8;

/** Lets the faults happen, by a process of their own that none of them can freeze. Call it when the run begins. */
export function playFaults(stage: Stage, faults: readonly Fault[]): void {
  const fate = stage.world.process("fate");
  for (const fault of faults) {
    stage.world.schedule(fate, fault.at * 1000, FATE, () => inflict(stage, fate, fault));
  }
}

function inflict(stage: Stage, fate: Process, fault: Fault): void {
  const { network } = stage;
  const { kind, which, ms } = fault;
  const address = stage.addresses[which % stage.addresses.length] ?? "";
  const process = stage.processes[which % stage.processes.length];
  const forAWhile = (set: Set<string>) => addForAWhile(fate, set, address, ms);
  switch (kind) {
    case "cut":
      return linkOf(network, which)?.cut(
        (["none", "up", "down"] as const)[ms % 3]!,
        (["both", "client", "server"] as const)[Math.floor(ms / 3) % 3]!,
      );
    case "undelivered":
    case "unanswered": {
      const keep: Keep = kind === "unanswered" ? "up" : "none";
      const tell = (["both", "client", "server", "neither"] as const)[ms % 4]!;
      return linkOf(network, which)?.cutAtNextRequest(ms, keep, tell);
    }
    case "silence":
      return linkOf(network, which)?.cut("none", "neither");
    case "stall":
      return linkOf(network, which)?.stall(ms);
    case "refuse":
      return forAWhile(network.refusing);
    case "mute":
      return forAWhile(network.mute);
    case "deaf":
      return forAWhile(network.deaf);
    case "nameless":
      return forAWhile(network.nameless);
    case "one-way":
      return closeOneWay(network, fate, fault);
    case "partition":
      for (const link of network.links) {
        if (link.broker === address) link.stall(ms);
      }
      return forAWhile(network.mute);
    case "freeze":
      return process?.freeze(ms);
    case "skew":
      if (process) process.skew = ms * 60_000 - 90_000_000;
      return;
    case "crash":
      return stage.crash?.(which, ms);
    default: {
      const special = stage.special?.get(kind);
      if (!special) throw new KafkaError("INVALID_OPTION", `there is no fault ${kind} on this stage`);
      special(which, ms);
    }
  }
}

/** Where there is traffic now: between one client and an address, or between it and all. No handshake gets through meanwhile. */
function closeOneWay(network: Network, fate: Process, { which, ms }: Fault): void {
  const target = linkOf(network, which);
  if (!target) return;
  const { broker, client: { owner } } = target;
  const way = ms % 2 === 0 ? "up" : "down";
  const isPair = ms % 4 < 2;
  for (const link of network.links) {
    if (link.broker !== broker || (isPair && link.client.owner !== owner)) continue;
    if (ms % 8 < 4) link.stall(ms, way);
    else link.lose(way);
  }
  addForAWhile(fate, network.mute, isPair ? pairText(owner, broker) : broker, ms);
}

function addForAWhile(fate: Process, set: Set<string>, name: string, ms: number): void {
  set.add(name);
  fate.world.schedule(fate, ms * 1000, FATE, () => set.delete(name));
}

function linkOf({ links }: Network, which: number): Link | undefined {
  return links[links.length - 1 - which % Math.min(NEWEST_LINKS, links.length)];
}
