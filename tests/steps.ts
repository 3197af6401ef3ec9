/** Runs the steps of a gate or of the test command: some at once, each with a time limit, with progress and a sum at the end. */

import { ROOT } from "../npm-build/project.ts";

/** What became of the tests of a step. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** One thing to run. */
export interface Step {
  /** Its name, for progress and for `--only`. */
  readonly name: string;
  /** After so many seconds it is stopped and counts as failed. */
  readonly budgetSeconds: number;
  /** Steps that have to have passed before; when they are not among those that run, they are taken for granted. */
  readonly after?: readonly string[];
  /** Whether nothing else may run beside it. */
  readonly alone?: boolean;
  /** Does it, and tells how many tests it held; a step that is no test tells nothing. Throws if it fails in another way. */
  run(log: StepLog): Promise<Counts | void>;
}

/** What a step says; shown only when it fails. */
export class StepLog {
  /** Aborts when the step's time is over. */
  readonly signal: AbortSignal;
  #text = "";

  /** The log of a step that this signal stops. */
  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** All that it has said. */
  get text(): string {
    return this.#text;
  }

  /** Adds to it. */
  write(text: string): void {
    this.#text += text;
  }

  /** Runs a program and takes what it prints; resolves with whether it succeeded. Stops it when the time is over. */
  async command(command: string, args: readonly string[], options: CommandOptions = {}): Promise<boolean> {
    this.write(`$ ${command} ${args.join(" ")}\n`);
    const env = { NO_COLOR: "1", ...options.env };
    const { cwd = ROOT } = options;
    const piped = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
    const child = new Deno.Command(command, { args: [...args], cwd, env, ...piped }).spawn();
    const pipes = new AbortController();
    const killLater: ReturnType<typeof setTimeout>[] = [];
    const stop = () => {
      kill(child, "SIGTERM");
      killLater.push(setTimeout(() => {
        kill(child, "SIGKILL");
        pipes.abort(); // what it has started itself may live on and hold them
      }, KILL_MS));
    };
    this.signal.addEventListener("abort", stop);
    try {
      const outputs = [child.stdout, child.stderr].map((stream) => this.#take(stream, pipes.signal));
      const [status] = await Promise.all([child.status, ...outputs]);
      return status.success && !this.signal.aborted;
    } finally {
      killLater.forEach(clearTimeout);
      this.signal.removeEventListener("abort", stop);
    }
  }

  async #take(stream: ReadableStream<Uint8Array<ArrayBuffer>>, signal: AbortSignal): Promise<void> {
    try {
      for await (const text of stream.pipeThrough(new TextDecoderStream(), { signal })) this.write(text);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended by itself
  }
}

/** How a program is run. */
export interface CommandOptions {
  /** In which folder; the top of the repository if not said. */
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const KILL_MS = 3_000;
const STILL_MS = 30_000;
const AT_ONCE = 2;
/** Of a failing step's output so many characters are shown, from its end. */
const SHOWN_MAX = 40_000;

/** What became of a step. */
type Result = Counts & { readonly ok: boolean };

/** Runs the steps of these names (all, if there are none), and prints a line for each. Resolves with the sum. */
export async function runSteps(
  all: readonly Step[],
  only: readonly string[],
): Promise<Counts & { readonly ok: boolean }> {
  const steps = all.filter(({ name }) => only.length === 0 || only.includes(name));
  const results = new Map<string, Result>();
  const waiting = new Set(steps);
  const running = new Map<Step, Promise<void>>();
  while (waiting.size > 0 || running.size > 0) {
    for (const step of waiting) {
      if (!mayStart(step, [...running.keys()], [...waiting])) continue;
      waiting.delete(step);
      const failed = step.after?.find((name) => results.get(name)?.ok === false);
      const end = runStep(step, failed).then((result) => {
        results.set(step.name, result);
        running.delete(step);
      });
      running.set(step, end);
    }
    await Promise.race(running.values());
  }
  return { ...sumOf([...results.values()]), ok: [...results.values()].every(({ ok }) => ok) };
}

function mayStart(step: Step, running: readonly Step[], waiting: readonly Step[]): boolean {
  if (running.length >= AT_ONCE || running.some(({ alone }) => alone) || (step.alone && running.length > 0)) {
    return false;
  }
  return !step.after?.some((name) => [...running, ...waiting].some((other) => other.name === name));
}

/** All of them together. */
export function sumOf(counts: readonly Counts[]): Counts {
  const total = (count: (of: Counts) => number) => counts.reduce((so, of) => so + count(of), 0);
  return {
    passed: total(({ passed }) => passed),
    failed: total(({ failed }) => failed),
    skipped: total(({ skipped }) => skipped),
  };
}

async function runStep(step: Step, failedBefore: string | undefined): Promise<Result> {
  if (failedBefore !== undefined) {
    console.log(`FAILED          ${step.name}: not run, since ${failedBefore} failed`);
    return { passed: 0, failed: 1, skipped: 0, ok: false };
  }
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1).padStart(6);
  const budget = new AbortController();
  const log = new StepLog(budget.signal);
  const timer = setTimeout(() => {
    log.write(`stopped: it took longer than ${step.budgetSeconds} s\n`);
    budget.abort();
  }, step.budgetSeconds * 1000);
  const still = setInterval(() => console.log(`  ... ${seconds()} s  ${step.name}`), STILL_MS);
  let result: Result;
  try {
    const counts = await step.run(log) ?? { passed: 0, failed: 0, skipped: 0 };
    const failed = counts.failed || (budget.signal.aborted ? 1 : 0);
    result = { ...counts, failed, ok: failed === 0 };
  } catch (error) {
    log.write(`${error instanceof Error ? error.message : error}\n`);
    result = { passed: 0, failed: 1, skipped: 0, ok: false };
  } finally {
    clearTimeout(timer);
    clearInterval(still);
  }
  if (!result.ok) console.log(framed(step.name, log.text));
  const counted = result.passed + result.failed + result.skipped > 0 ? `: ${inWords(result)}` : "";
  console.log(`${result.ok ? "ok    " : "FAILED"} ${seconds()} s  ${step.name}${counted}`);
  return result;
}

function framed(name: string, text: string): string {
  const shown = text.length > SHOWN_MAX ? `…\n${text.slice(-SHOWN_MAX)}` : text;
  return `----- ${name} -----\n${shown.trimEnd()}\n----- end of ${name} -----`;
}

/** The plain line with which a run of tests ends. */
export function inWords({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Counts the tests of a report in JUnit's format, as Deno, Node and Bun write it. */
export function countReport(xml: string): Counts {
  const count = (tag: RegExp) => xml.match(tag)?.length ?? 0;
  const failed = count(/<(failure|error)[\s>/]/g);
  const skipped = count(/<skipped[\s>/]/g);
  return { passed: count(/<testcase[\s>/]/g) - failed - skipped, failed, skipped };
}

/** Runs tests that write a report to `report`; a run that fails without a failing test in it counts one. */
export async function counted(report: string, run: () => Promise<boolean>): Promise<Counts> {
  await Deno.remove(report).catch(() => {});
  const ok = await run();
  const counts = countReport(await Deno.readTextFile(report).catch(() => ""));
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** Reads `--only NAME`, as often as wanted, or with several names and commas between; refuses everything else. */
function stepNames(args: readonly string[], steps: readonly Step[]): string[] {
  const names: string[] = [];
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i + 1];
    if (args[i] !== "--only" || name === undefined) throw new Error(`cannot read ${args[i]}: it is --only NAME`);
    names.push(...name.split(","));
  }
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length === 0) return names;
  throw new Error(`there is no step ${unknown.join(", ")}; there are ${steps.map(({ name }) => name).join(", ")}`);
}

/** The whole of a command: runs the steps, ends with the plain line, exits with 1 if anything failed. */
export async function runCommand(steps: readonly Step[], args: readonly string[]): Promise<never> {
  let only: string[];
  try {
    only = stepNames(args, steps);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
  const result = await runSteps(steps, only);
  console.log(inWords(result));
  Deno.exit(result.ok ? 0 : 1);
}
