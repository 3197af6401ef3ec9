/** Runs programs on the runtime that runs the test, as a user would from a shell. */

import { spawn } from "node:child_process";
import process from "node:process";
import { runtime } from "./door.ts";

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a file to its end; one that does not end by itself is killed after `timeoutMs` and has no exit code. */
export function runProgram(file: URL, args: readonly string[], timeoutMs: number): Promise<Ending> {
  const path = decodeURIComponent(file.pathname);
  const before = runtime === "deno" ? ["run", "-A", "--quiet"] : [];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...before, path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    let stdout = "", stderr = "";
    child.stdout.on("data", (bytes) => stdout += bytes);
    child.stderr.on("data", (bytes) => stderr += bytes);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
