/** Runs other programs, Java above all: those that come to an end, and servers, which end with us at the latest. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";

/** A JVM that starts fast and takes little, which suits what is small or short. */
const thrifty = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"];

/** How a program is run. */
export interface RunOptions {
  /** What it reads from standard input; nothing by default. */
  readonly input?: string | undefined;
  /** The folder that it works in; ours by default. */
  readonly cwd?: string | undefined;
  /** What to call it where it fails; by default what runs. */
  readonly name?: string | undefined;
  /** When it is killed, in milliseconds; after a minute by default. */
  readonly timeoutMs?: number | undefined;
}

/** Runs a program to its end and returns what it printed. Where it fails, so does this, with what it said. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input = "", cwd, name = [command, ...args].join(" "), timeoutMs = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...(cwd !== undefined && { cwd }) });
    const said: Record<"stdout" | "stderr", string> = { stdout: "", stderr: "" };
    for (const out of ["stdout", "stderr"] as const) {
      child[out].setEncoding("utf8").on("data", (text: string) => said[out] += text);
    }
    child.stdin.on("error", () => {}); // it may end before it has read everything; its exit code tells
    child.stdin.end(input);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer);
      const tail = (said.stdout + said.stderr).slice(-4000);
      reject(new Error(`${name} failed: ${why}\n${tail}`, { cause }));
    };
    child.once("error", (error) => fail(error.message, error));
    child.once("close", (code, signal) => {
      if (late) return fail(`no end after ${timeoutMs} ms`);
      if (code !== 0) return fail(`exit ${code ?? signal}`);
      clearTimeout(timer);
      resolve(said.stdout);
    });
  });
}

/** Runs a Java class to its end and returns what it printed. */
export function runJava(
  classPath: string,
  main: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const jvm = ["-Xmx256m", ...thrifty, "-cp", classPath, main, ...args];
  return run("java", jvm, { name: [main, ...args].join(" "), ...options });
}

/** A shell that waits for a line, and does something if we end without writing one. */
class Watch {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<void>;

  /** Starts a shell that runs `script` with `argument` as its first one. */
  constructor(script: string, argument: string) {
    this.#shell = spawn("sh", ["-c", script, "sh", argument], { stdio: ["pipe", "ignore", "ignore"] });
    this.#shell.stdin?.on("error", () => {});
    this.#ended = new Promise((resolve, reject) => this.#shell.once("close", () => resolve()).once("error", reject));
  }

  /** Ends it by giving it the line. */
  async end(): Promise<void> {
    this.#shell.stdin?.end("done\n");
    await this.#ended;
  }
}

/**
 * Sees to it that a folder goes even if this process is gone before it has removed it. Returns the end of that watch, for when
 * the folder has been removed.
 */
export function removeAfterUs(folder: string): () => Promise<void> {
  // In a shell below the shell: Deno takes its own children along where it ends by an error. The servers need a moment to end.
  const watch = new Watch('exec 3<&0; (read -r line <&3 || { sleep 1; rm -rf "$1"; }) & wait', folder);
  return () => watch.end();
}

/** What a server is started with. */
export interface ServerCommand {
  readonly classPath: string;
  /** Its main class, and that one's arguments. */
  readonly main: string;
  readonly args: readonly string[];
  /** Flags for the JVM; a later one wins. */
  readonly flags: readonly string[];
  /** The file that takes what it says. */
  readonly log: string;
}

/** A Java server in a process of its own. It ends when this process ends, even if that is killed (see Guard.java). */
export class Server {
  /** The id of its process. */
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  #running = true;
  #watch: Watch | undefined;

  /** Starts the process; that it serves is for the caller to find out. */
  constructor({ classPath, main, args, flags, log }: ServerCommand) {
    const out = openSync(log, "a");
    const jvm = ["-Xms32m", "-Xmx256m", ...thrifty, ...flags, "-cp", classPath, "Guard", main, ...args];
    const child = spawn("java", jvm, { stdio: ["pipe", out, out] });
    closeSync(out);
    child.stdin?.on("error", () => {});
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => resolve());
    });
    this.ended.then(() => this.#running = false, () => this.#running = false);
    this.pid = child.pid ?? 0;
  }

  /** Whether the process is there. */
  get running(): boolean {
    return this.#running;
  }

  /** Whether the process is held by {@linkcode pause}. */
  get paused(): boolean {
    return this.#watch !== undefined;
  }

  /** Ends it at once, as a loss of power would. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.ended;
    await this.#endWatch();
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    await this.resume();
    this.#signal("SIGTERM");
    await this.ended;
  }

  /** Holds it where it is. Its sockets stay open; nobody answers. */
  pause(): void {
    if (this.paused || !this.#running) return;
    // A process that is held cannot see that we are gone: the shell wakes it up then, so that its own guard sees it.
    this.#watch = new Watch('read -r line || kill -CONT "$1"', String(this.pid));
    this.#signal("SIGSTOP");
  }

  /** Lets it go on. */
  async resume(): Promise<void> {
    if (!this.paused) return;
    this.#signal("SIGCONT");
    await this.#endWatch();
  }

  async #endWatch(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.end();
  }

  /** By its process id: the `kill` of Deno's child processes takes a child for dead that was only sent SIGSTOP. */
  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#running) process.kill(this.pid, signal);
    } catch {
      // It has ended by itself, and that has not been noticed here yet.
    }
  }
}
