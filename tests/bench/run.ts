/** Runs clients in processes of their own, in turn, round after round. */

import { peers, type Start, takesPart } from "./peers.ts";
import { jobOf, profiles } from "./profiles.ts";
import { partInput, partVerdict } from "./parts.ts";
import { type Stage, VERIFY_TOTAL } from "./stage.ts";
import type { Job, Result } from "./worker/job.ts";

/** How to run. */
export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Messages a list and lists in flight, instead of what suits each client. */
  readonly lists?: readonly [size: number, inFlight: number] | undefined;
  /** A client of another house, which reads what ours has sent; ours alone looks at it if there is none. */
  readonly witness?: Start | undefined;
  /** The folder that takes a CPU profile of each measured part on Node, named after it; none if empty. */
  readonly profileFolder: string;
}

/** What one client did in one round of a profile; round 0 is the one in which everything is compared. */
export interface Run {
  readonly profile: string;
  readonly client: string;
  readonly round: number;
  readonly result: Result;
}

const GRACE_SECONDS = 90;
/** How much longer than others a profile runs that is about memory. */
const LOAD_TIMES = 3;

/** Runs every client in every profile, and tells of each run as it ends. Parts of clients need no stage. */
export async function runAll(
  stage: Stage | undefined,
  starts: ReadonlyMap<string, Start>,
  names: readonly string[],
  options: RunOptions,
  told: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const profile of names) {
    const unfit = new Set<string>();
    for (let round = 0; round <= options.rounds; round++) {
      const clients = [...starts.keys()].filter((client) => takesPart(client, profile) && !unfit.has(client));
      // Each round begins with another client, so that none always comes first.
      for (let i = 0; i < clients.length; i++) {
        const client = clients[(i + round) % clients.length]!;
        if (round === 0 && ["retained", "load", "latency"].includes(profiles[profile]!.kind)) continue;
        const start = starts.get(client)!;
        const result = await (profiles[profile]!.kind === "part"
          ? runPart(start, profile, client, round, options)
          : runOne(stage!, start, profile, client, round, options))
          .catch((error: Error): Result => ({ ...nothing, error: error.message }));
        const run = { profile, client, round, result };
        if (round === 0 && result.error !== undefined) {
          unfit.add(client); // what is wrong is not measured
        }
        runs.push(run);
        told(run);
      }
    }
  }
  return runs;
}

/** Where a run's CPU profile lies. */
export const profileFile = (folder: string, profile: string, client: string, round: number): string =>
  `${folder}/${profile}-${client}-${round}.cpuprofile`;

const nothing = { messages: 0, seconds: 0, cpuSeconds: 0, rss: 0, heap: 0, buffers: 0 };
let runs = 0;

async function runOne(
  stage: Stage,
  start: Start,
  name: string,
  client: string,
  round: number,
  options: RunOptions,
): Promise<Result> {
  const profile = profiles[name]!;
  const { program, shape = "", runtime, warmups = 1, overtakes = false } = peers[client]!;
  const fixed = jobOf(profile, program, options.lists);
  const verify = round === 0;
  const total = verify && fixed.kind === "consume" ? VERIFY_TOTAL : fixed.total;
  const backlog = total > 0 ? await stage.backlog(profile, verify, total) : "";
  const topic = fixed.kind === "consume" || fixed.kind === "retained" ? backlog : await stage.topic();
  const job: Job = {
    ...fixed,
    output: "",
    ...{ client: program, hosts: stage.hosts, topic, backlog, shape, total, verify },
    group: `bench-${name}-${client}-${runs++}`,
    pool: await stage.pool(profile.values),
    seconds: options.seconds * (fixed.kind === "load" ? LOAD_TIMES : 1),
    warmupSeconds: options.warmupSeconds * warmups,
    cpuProfile: options.profileFolder && !verify && runtime === "node"
      ? profileFile(options.profileFolder, name, client, round)
      : "",
  };
  try {
    const result = await runProcess(start, job);
    if (result.error === undefined && result.sent !== undefined) {
      await stage.verify(topic, profile.values, {
        sent: result.sent,
        numbered: verify || fixed.kind === "latency",
        ordered: overtakes ? fixed.listSize : Infinity,
      });
      if (verify && options.witness && program === "samsa") {
        const read = { ...job, kind: "consume", group: `${job.group}-witness`, total: result.sent } as const;
        const { error } = await runProcess(options.witness, read);
        if (error !== undefined) throw new Error(`the witness says: ${error}`);
      }
    }
    return result;
  } finally {
    if (topic !== backlog) await stage.drop(topic);
  }
}

/** How much shorter parts run: they need no broker, and are steady at once. */
const PART_SHARE = 0.4;

async function runPart(
  start: Start,
  name: string,
  client: string,
  round: number,
  options: RunOptions,
): Promise<Result> {
  const { program, shape = "", runtime } = peers[client]!;
  const folder = await Deno.makeTempDir({ prefix: "samsa-bench-" });
  const verify = round === 0;
  try {
    const pool = `${folder}/input`;
    const input = partInput(name, client);
    await Deno.writeFile(pool, input);
    const job: Job = {
      ...jobOf(profiles[name]!, program),
      ...{ client: program, shape, verify, pool, output: `${folder}/output` },
      ...{ hosts: "", topic: "", backlog: "", group: "" },
      seconds: options.seconds * PART_SHARE,
      warmupSeconds: options.warmupSeconds * PART_SHARE,
      cpuProfile: options.profileFolder && !verify && runtime === "node"
        ? profileFile(options.profileFolder, name, client, round)
        : "",
    };
    const result = await runProcess(start, job);
    if (verify && result.error === undefined) partVerdict(name, input, await Deno.readFile(job.output));
    return result;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runProcess(start: Start, job: Job): Promise<Result> {
  const options = { args: [...start.args], cwd: start.cwd, env: { NO_COLOR: "1" } };
  const child = new Deno.Command(start.command, { ...options, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), (job.seconds + job.warmupSeconds + GRACE_SECONDS) * 1000);
  try {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
    await writer.close();
    const { stdout, stderr, code } = await child.output();
    const text = new TextDecoder().decode(stdout);
    const line = text.trimEnd().split("\n").at(-1) ?? "";
    if (line.startsWith("{")) return JSON.parse(line) as Result;
    return { ...nothing, error: `exit ${code}: ${text}${new TextDecoder().decode(stderr).slice(-2000)}` };
  } finally {
    clearTimeout(limit);
  }
}
