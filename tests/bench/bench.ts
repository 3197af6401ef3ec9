/**
 * `deno task bench`: our client beside others on one real broker, in turn, round after round. What counts is a client's CPU
 * for a million messages; CONTRIBUTING.md tells more.
 */

import { selfTimeTable } from "./cpu_profile.ts";
import { javaStart, peers, prepare, takesPart } from "./peers.ts";
import { profiles as allProfiles } from "./profiles.ts";
import { figuresOf, rowsOf, tableOf } from "./report.ts";
import { profileFile, type Run, runAll } from "./run.ts";
import { Stage } from "./stage.ts";
import { verdictsOf, verdictTable } from "./targets.ts";

const USAGE = `deno task bench [options]
  --profiles P1,C1    which profiles: ${Object.keys(allProfiles).join(", ")}
  --clients samsa,…   which clients: ${Object.keys(peers).join(", ")}
  --rounds 5          how many rounds
  --seconds 1.5       how long a run is measured
  --warmup 1          how long it runs before that
  --lists 1000x4      messages a list, and lists in flight, for all instead of what suits each client
  --other FILE        another build of our package, a tarball, as the client samsa-other
  --release 4.4.0     the broker's release
  --json FILE         where the figures go, as JSON
  --cpu-prof FOLDER   profiles the measured parts on Node, and tells where each client spends its time`;

const DEFAULTS = {
  profiles: Object.keys(allProfiles).join(),
  clients: Object.keys(peers).filter((name) => name !== "samsa-other").join(),
  rounds: "5",
  seconds: "1.5",
  warmup: "1",
  lists: "",
  other: "",
  release: "4.4.0",
  json: "",
  "cpu-prof": "",
};

/** Reads the command line; what is wrong with it is thrown. */
export function optionsOf(args: readonly string[]) {
  const given: Record<string, string> = { ...DEFAULTS };
  for (let i = 0; i < args.length; i += 2) {
    const [, name = ""] = /^--(.*)$/.exec(args[i]!) ?? [];
    const value = args[i + 1];
    if (!(name in DEFAULTS) || value === undefined) throw new Error(`cannot read ${args[i]}\n${USAGE}`);
    given[name] = value;
  }
  const list = (name: string, known: object) => {
    const names = given[name]!.split(",");
    const unknown = names.filter((each) => !(each in known));
    if (unknown.length > 0) throw new Error(`there is no ${unknown.join()} among the ${name}\n${USAGE}`);
    return names;
  };
  const number = (name: string) => {
    const value = Number(given[name]);
    if (!(value > 0)) throw new Error(`--${name} is a number above 0\n${USAGE}`);
    return value;
  };
  const [, size, inFlight] = /^(\d+)x(\d+)$/.exec(given["lists"]!) ?? [];
  if (given["lists"] && !size) throw new Error(`--lists is two numbers with an x between\n${USAGE}`);
  const other = given["other"]!;
  const clients = list("clients", peers);
  if (other === "" && clients.includes("samsa-other")) throw new Error(`samsa-other needs --other\n${USAGE}`);
  return {
    profiles: list("profiles", allProfiles),
    clients: other === "" || clients.includes("samsa-other") ? clients : ["samsa-other", ...clients],
    other,
    lists: size ? [Number(size), Number(inFlight)] as const : undefined,
    rounds: number("rounds"),
    seconds: number("seconds"),
    warmupSeconds: number("warmup"),
    release: given["release"]!,
    json: given["json"]!,
    profileFolder: given["cpu-prof"]!,
  };
}

function tell({ profile, client, round, result }: Run): void {
  const { error, messages, p50, p99 } = result;
  const run = { profile, client, round, result };
  const cpu = messages > 0 ? figuresOf(run) : "done";
  const latency = p50 === undefined ? "" : `, p50 ${p50.toFixed(3)}, p99 ${p99!.toFixed(3)} ms`;
  const what = error === undefined ? cpu + latency : `failed: ${error.slice(0, 300)}`;
  console.error(`${profile} ${round === 0 ? "verify" : `round ${round}`} ${client}: ${what}`);
}

async function showProfiles(folder: string, runs: readonly Run[]): Promise<void> {
  for (const { profile, client, round } of runs.filter(({ round }) => round === 1)) {
    const text = await Deno.readTextFile(profileFile(folder, profile, client, round)).catch(() => undefined);
    if (text !== undefined) console.log(`\n${profile} ${client}: its own time\n${selfTimeTable(JSON.parse(text))}`);
  }
}

async function main(): Promise<void> {
  const options = optionsOf(Deno.args);
  const { profiles, rounds, seconds, warmupSeconds, profileFolder } = options;
  const clients = options.clients.filter((client) => profiles.some((profile) => takesPart(client, profile)));
  await using prepared = await prepare(clients, options.release, options.other);
  const whole = options.profiles.some((profile) => allProfiles[profile]!.kind !== "part");
  await using stage = whole ? await Stage.start(options.release) : undefined;
  if (profileFolder) await Deno.mkdir(profileFolder, { recursive: true });
  const witness = whole ? await javaStart(options.release) : undefined;
  const how = { rounds, seconds, warmupSeconds, profileFolder, witness, lists: options.lists };
  const runs = await runAll(stage, prepared.starts, profiles, how, tell);
  const rows = rowsOf(runs);
  const verdicts = verdictsOf(runs, rows);
  console.log(`\n${tableOf(rows)}\n\n${verdictTable(verdicts)}`);
  if (profileFolder) await showProfiles(profileFolder, runs);
  if (options.json) {
    await Deno.writeTextFile(options.json, `${JSON.stringify({ options, rows, verdicts, runs }, null, 1)}\n`);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
