/** What the runs come to: medians by profile and client, as a table and as JSON. */

import { profiles } from "./profiles.ts";
import type { Run } from "./run.ts";

/** The medians of a client in a profile. */
export interface Row {
  readonly profile: string;
  readonly client: string;
  /** How many runs counted. */
  readonly runs: number;
  /** Whether its result was compared in full and found right; undefined where the profile has no such run. */
  readonly verified: boolean | undefined;
  readonly messagesPerSecond: number;
  /** CPU, user and system, in seconds for a million messages: the median, and the lowest and highest. */
  readonly cpuPerMillion: number;
  readonly cpuLowest: number;
  readonly cpuHighest: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly rssMax: number;
  readonly heapMax: number;
  readonly buffersMax: number;
  readonly heapPerMessage: number | undefined;
  readonly buffersPerMessage: number | undefined;
  readonly errors: readonly string[];
}

/** The middle one, or the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** CPU seconds for a million messages. */
export const cpuPerMillion = ({ result }: Run): number => result.cpuSeconds / result.messages * 1e6;

/** The runs that count. */
export function counting(runs: readonly Run[], profile: string, client: string): Run[] {
  return runs.filter((run) =>
    run.profile === profile && run.client === client && run.round > 0 && run.result.error === undefined
  );
}

/** A row for each client in each profile. */
export function rowsOf(runs: readonly Run[]): Row[] {
  const keys = new Set(runs.map(({ profile, client }) => `${profile} ${client}`));
  return [...keys].map((key) => {
    const [profile, client] = key.split(" ") as [string, string];
    const all = runs.filter((run) => run.profile === profile && run.client === client);
    const good = counting(runs, profile, client);
    const some = (pick: (run: Run) => number | undefined) => {
      const found = good.map(pick).filter((number) => number !== undefined);
      return found.length > 0 ? median(found) : undefined;
    };
    const cpu = good.map(cpuPerMillion);
    const first = all.find(({ round }) => round === 0);
    return {
      ...{ profile, client, runs: good.length },
      verified: first && first.result.error === undefined,
      messagesPerSecond: some(({ result }) => result.messages / result.seconds) ?? NaN,
      cpuPerMillion: cpu.length > 0 ? median(cpu) : NaN,
      cpuLowest: Math.min(...cpu),
      cpuHighest: Math.max(...cpu),
      p50: some(({ result }) => result.p50),
      p99: some(({ result }) => result.p99),
      rssMax: some(({ result }) => result.rss) ?? NaN,
      heapMax: some(({ result }) => result.heap) ?? NaN,
      buffersMax: some(({ result }) => result.buffers) ?? NaN,
      heapPerMessage: some(({ result }) => result.heapPerMessage),
      buffersPerMessage: some(({ result }) => result.buffersPerMessage),
      errors: all.flatMap(({ result }) => result.error ?? []),
    };
  });
}

const MEGA = 1 << 20;
const digits = (number: number | undefined, places: number) =>
  number === undefined || Number.isNaN(number) ? "" : number.toFixed(places);
const thousands = (number: number) => Number.isNaN(number) ? "" : `${digits(number / 1000, number < 1e5 ? 1 : 0)} k`;
const megabytes = (bytes: number) => bytes > 0 ? digits(bytes / MEGA, 0) : "";

/** What a profile counts, how its rate and its price are shown, and by what its rate is divided for that. */
const units = {
  messages: { rate: "msg/s", price: "CPU s/M", divisor: 1 },
  KB: { rate: "MB/s", price: "CPU s/GB", divisor: 1000 },
  frames: { rate: "frames/s", price: "CPU s/M", divisor: 1 },
} as const;

const unitOf = (profile: string) => units[profiles[profile]!.unit ?? "messages"];

/** The figures of one run, as text. */
export function figuresOf(run: Run): string {
  const { rate, price, divisor } = unitOf(run.profile);
  const { messages, seconds } = run.result;
  return `${cpuPerMillion(run).toFixed(3)} ${price}, ${Math.round(messages / seconds / divisor)} ${rate}`;
}

const headOf = ({ rate, price }: ReturnType<typeof unitOf>) => [
  ...["client", rate, price, "lowest-highest", "p50 ms", "p99 ms", "RSS MB", "heap MB", "buffers MB"],
  ...["B held", "runs", "verified"],
];

/** The rows as text, a table a profile. */
export function tableOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.map(({ profile }) => profile))];
  return names.map((name) => {
    const own = rows.filter(({ profile }) => profile === name);
    const unit = unitOf(name);
    const head = headOf(unit);
    const memoryOnly = own.some(({ heapPerMessage }) => heapPerMessage !== undefined);
    const cells = own.map((row) => [
      row.client,
      memoryOnly
        ? ""
        : unit.divisor > 1
        ? digits(row.messagesPerSecond / unit.divisor, 0)
        : thousands(row.messagesPerSecond),
      memoryOnly ? "" : digits(row.cpuPerMillion, 3),
      memoryOnly || row.runs === 0 ? "" : `${digits(row.cpuLowest, 2)}-${digits(row.cpuHighest, 2)}`,
      digits(row.p50, 3),
      digits(row.p99, 3),
      megabytes(row.rssMax),
      megabytes(row.heapMax),
      megabytes(row.buffersMax),
      digits(row.heapPerMessage, 0),
      String(row.runs),
      row.verified === undefined ? "-" : row.verified ? "yes" : "NO",
    ]);
    const lines = [head, ...cells];
    const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
    const text = lines.map((line) =>
      line.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
    );
    const errors = own.flatMap(({ client, errors }) => errors.map((error) => `  ${client}: ${error.slice(0, 600)}`));
    return [`${name}: ${profiles[name]!.title}`, ...text, ...errors].join("\n");
  }).join("\n\n");
}
