/** Where an embedded cluster is: in memory, on TCP ports, or in a simulated world. */

import { KafkaError } from "../base/errors.ts";
import { realWorld, type World } from "../base/world.ts";
import { memoryNetwork } from "../transport/memory.ts";
import type { Address, Dial, Listen } from "../transport/transport.ts";
import { listenOf, type Network } from "./network.ts";
import type { Process, SimulatedWorld } from "./world.ts";

const PORT = 9092;

/** Where a cluster is to be. */
export interface PlaceOptions {
  /** Where time and chance come from; the platform if not said. Not beside `simulation`. */
  readonly world?: World | undefined;
  /** A door's `listen`: then the brokers listen on free TCP ports of 127.0.0.1. Without it, and without `simulation`, over memory. */
  readonly listen?: Listen | undefined;
  /** A simulated world and its network: then each broker is a process of its own there, called `broker 1` and so on. */
  readonly simulation?: { readonly world: SimulatedWorld; readonly network: Network } | undefined;
}

/** Where a cluster is. */
export interface Place {
  /** Where its ids are drawn from. */
  readonly world: World;
  readonly dial: Dial;
  /** Where a broker wants to listen; a port of 0 is chosen at its first start. */
  readonly address: (id: number) => Address;
  /** What a broker gets, each time that it starts. */
  readonly settle: (id: number) => { world: World; listen: Listen; process?: Process | undefined };
}

/** The place that the options name. */
export function placeOf({ world = realWorld, listen, simulation, world: given }: PlaceOptions): Place {
  const named = (id: number) => ({ host: `broker-${id}`, port: PORT });
  if (simulation) {
    if (listen || given) throw new KafkaError("INVALID_OPTION", "simulation goes neither with world nor with listen");
    return {
      world: simulation.world.process("cluster"),
      dial: noDial("in a simulation a client dials with dialOf(network, process)"),
      address: named,
      settle: (id) => {
        const process = simulation.world.process(`broker ${id}`);
        return { world: process, listen: listenOf(simulation.network, process), process };
      },
    };
  }
  if (listen) {
    const dial = noDial("the cluster listens on TCP: connect through a door, or with the door's dial");
    return { world, dial, address: () => ({ host: "127.0.0.1", port: 0 }), settle: () => ({ world, listen }) };
  }
  const memory = memoryNetwork(world);
  return { world, dial: memory.dial, address: named, settle: () => ({ world, listen: memory.listen }) };
}

function noDial(why: string): Dial {
  return () => Promise.reject(new KafkaError("UNSUPPORTED_FEATURE", why));
}
