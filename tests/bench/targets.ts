/** What our client is held to, and how far it is from it. */

import { counting, cpuPerMillion, median, type Row } from "./report.ts";
import type { Run } from "./run.ts";

/** Something to reach, and what was reached. */
export interface Verdict {
  readonly profile: string;
  readonly what: string;
  /** At most this. */
  readonly bound: number;
  readonly measured: number;
  /** The same of the cheapest run of each, which a busy machine disturbs least; where CPU is compared. */
  readonly cheapest: number | undefined;
  readonly verdict: "met" | "within 20 %" | "short";
}

const TOLERANCE = 1.2;
const MEGA = 1 << 20;

function verdict(profile: string, what: string, measured: number, bound: number, cheapest?: number): Verdict[] {
  if (!Number.isFinite(measured) || !Number.isFinite(bound)) return [];
  const verdict = measured <= bound ? "met" : measured <= bound * TOLERANCE ? "within 20 %" : "short";
  return [{ profile, what, bound, measured, cheapest, verdict }];
}

/** Holds the runs to the targets; what was not measured is left out. */
export function verdictsOf(runs: readonly Run[], rows: readonly Row[]): Verdict[] {
  const row = (profile: string, client = "samsa") =>
    rows.find((row) => row.profile === profile && row.client === client && row.runs > 0);
  /** CPU as a multiple of another client's: the median over the rounds in which both ran, each compared in itself. */
  const ratio = (profile: string, other: string, own = "samsa"): number => {
    const theirs = new Map(counting(runs, profile, other).map((run) => [run.round, run]));
    const ratios = counting(runs, profile, own).flatMap((run) => {
      const their = theirs.get(run.round);
      return their ? [cpuPerMillion(run) / cpuPerMillion(their)] : [];
    });
    return ratios.length > 0 ? median(ratios) : NaN;
  };
  const cheapest = (profile: string, other: string, own = "samsa") =>
    of(profile, (row) => row.cpuLowest, own) / of(profile, (row) => row.cpuLowest, other);
  const cpu = (profile: string, other: string, times: number, own = "samsa") =>
    verdict(
      profile,
      `CPU${own === "samsa" ? "" : ` of ${own}`} as a multiple of ${other}'s`,
      ratio(profile, other, own),
      times,
      cheapest(profile, other, own),
    );
  const best = (profile: string): Verdict[] => {
    const others = ["kafkats", "platformatic", "kafka_ts", "kafkajs"].filter((other) => row(profile, other));
    const measured = others.map((other) => ratio(profile, other));
    const least = measured.indexOf(Math.max(...measured));
    return least < 0 ? [] : verdict(
      profile,
      `CPU as a multiple of the best peer's (${others[least]})`,
      measured[least]!,
      1,
      cheapest(profile, others[least]!),
    );
  };
  const other = (profile: string, runtime: string) =>
    verdict(
      profile,
      `CPU on ${runtime} as a multiple of Node's`,
      ratio(profile, "samsa", `samsa-${runtime}`),
      1.5,
      cheapest(profile, "samsa", `samsa-${runtime}`),
    );
  const of = (profile: string, pick: (row: Row) => number | undefined, client = "samsa") => {
    const found = row(profile, client);
    return (found && pick(found)) ?? NaN;
  };
  const p50 = (row: Row) => row.p50, p99 = (row: Row) => row.p99;
  return [
    verdict("P1", "CPU seconds a million", of("P1", (row) => row.cpuPerMillion), 0.3, of("P1", (row) => row.cpuLowest)),
    cpu("P1", "librdkafka", 1),
    ...["P1", "P2", "P4"].flatMap((profile) => cpu(profile, "samsa-plain", 1.05)),
    cpu("P2", "platformatic", 0.5),
    verdict("P3", "p50 in ms, against kafkats's", of("P3", p50), of("P3", p50, "kafkats")),
    verdict("P3", "p99 in ms, against kafkats's", of("P3", p99), of("P3", p99, "kafkats")),
    cpu("P4", "kafka_ts", 0.5),
    verdict("P4", "p99 in ms", of("P4", p99), 3),
    cpu("C1", "kafkats", 0.5),
    cpu("C1", "java", 1),
    cpu("C1m", "kafkats", 0.6),
    cpu("C2", "kafkats", 0.6),
    ...["P5g", "P5s", "C3g", "C3s"].map(best),
    verdict("E1", "p50 in ms", of("E1", p50), 0.3),
    verdict("E1", "p99 in ms", of("E1", p99), 2.5),
    verdict("M", "bytes of heap for each message held", of("M", (row) => row.heapPerMessage), 100),
    verdict("L", "MB of heap", of("L", (row) => row.heapMax / MEGA), 96),
    verdict("L", "MB of RSS", of("L", (row) => row.rssMax / MEGA), 200),
    cpu("R16k", "node-rs", 1),
    ...["R256k", "R1m"].flatMap((profile) => cpu(profile, "node-rs", 1 / 1.3)),
    ...["R4k", "R16k", "R1m"].flatMap((profile) => cpu(profile, "kafkajs", 1 / 4, "samsa-tables")),
    cpu("Ds", "snappyjs", 1),
    ...["Kl", "Dl"].flatMap((profile) => cpu(profile, "lz4js", 1)),
    cpu("Wm", "platformatic", 0.5),
    // While it produces and consumes at once, how much it does of which differs.
    ...[...new Set(rows.map(({ profile }) => profile))].filter((name) => name !== "L").flatMap((
      name,
    ) => [other(name, "deno"), other(name, "bun")]),
  ].flat();
}

/** The verdicts as text. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  return verdicts.map(({ profile, what, bound, measured, cheapest, verdict }) => {
    const least = cheapest === undefined ? "" : ` (cheapest runs: ${cheapest.toPrecision(3)})`;
    const figures = `${measured.toPrecision(3).padStart(7)} of ${bound.toPrecision(3).padEnd(6)}`;
    return `${profile.padEnd(4)} ${verdict.padEnd(12)} ${figures} ${what}${least}`;
  }).join("\n");
}
