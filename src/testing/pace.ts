/** How fast an embedded cluster's brokers hear of one another: at once for who tries things out, by chance in a simulation. */

import type { Delay } from "./bus.ts";
import type { Chance } from "./chance.ts";

/** What can be set; what is not is drawn in a simulation, and else as ideal as it can be. */
export interface PaceOptions {
  /** After so many ms behind its leader a follower is not in sync any more (`replica.lag.time.max.ms`); 30,000 if not said. */
  readonly replicaLagMs?: number | undefined;
  /** After so many ms without a word from a broker its partitions are given to others (`broker.session.timeout.ms`); 0 if not said. */
  readonly sessionMs?: number | undefined;
  /** How many ms later than the controller brokers know of leaders and topics; 0 if not said. */
  readonly metadataDelayMs?: number | undefined;
  /** How many ms a request or an answer takes between two brokers; 0 if not said. */
  readonly replicationDelayMs?: number | undefined;
}

/** What a cluster goes by. */
export interface Pace {
  readonly replicaLagMs: number;
  readonly sessionMs: number;
  readonly delay: Delay;
  /** Whether a broker that is killed is missed only after its session. */
  readonly diesSilently: () => boolean;
}

/** Scales of delays, in microseconds: most clusters are quick, some are not. */
const METADATA_SCALES = [1000, 1000, 20_000, 100_000];
const REPLICATION_SCALES = [300, 300, 3000, 50_000];

/** The pace of a cluster outside a simulation, or, with chance, of one in it. */
export function paceOf(options: PaceOptions, chance: Chance | undefined): Pace {
  const { metadataDelayMs, replicationDelayMs } = options;
  const sessionMs = options.sessionMs ?? chance?.pick([300, 1000, 2500]) ?? 0;
  const drawn = chance && drawDelay(chance);
  return {
    replicaLagMs: options.replicaLagMs ?? chance?.pick([200, 1000, 10_000]) ?? 30_000,
    sessionMs,
    delay: (from, to, what) => {
      const set = what === "picture" ? metadataDelayMs : replicationDelayMs;
      if (drawn === undefined) return set || undefined;
      return set ?? drawn(from, to, what);
    },
    diesSilently: () => options.sessionMs === undefined && chance ? chance.once(2) : sessionMs > 0,
  };
}

/** Each line has a stream of its own, and a broker's scale holds for all that it hears. */
function drawDelay(chance: Chance): (...line: Parameters<Delay>) => number {
  const lines = new Map<string, { chance: Chance; scale: number }>();
  const scales = new Map<string, number>();
  const scaleOf = (to: number, what: string, among: readonly number[]) => {
    const name = `${what} at ${to}`;
    if (!scales.has(name)) scales.set(name, chance.fork(name).pick(among));
    return scales.get(name)!;
  };
  return (from, to, what) => {
    const name = `${what} ${from} ${to}`;
    let line = lines.get(name);
    if (!line) {
      const scale = scaleOf(to, what, what === "picture" ? METADATA_SCALES : REPLICATION_SCALES);
      lines.set(name, line = { chance: chance.fork(name), scale });
    }
    return line.chance.delay(line.scale) / 1000;
  };
}
