import { play } from "./play.ts";
const first = Number(Deno.args[0]), n = Number(Deno.args[1]);
const after = new Map<string, number>();
const t0 = performance.now();
const codes = new Map<string, number>();
for (let s = first; s < first + n; s++) {
  const t = performance.now();
  const r = await play(s, { log: Deno.args[2] === "--log" });
  after.set(r.after, (after.get(r.after) ?? 0) + 1);
  for (const [c, k] of r.codes) codes.set(c, (codes.get(c) ?? 0) + k);
  if (Deno.args[2] === "--log") console.log(r.log.join("\n"));
  if (r.failure) console.log(s, r.failure, r.cause instanceof Error ? r.cause.stack : "", `${r.steps} steps`);
  if (performance.now() - t > 3000) console.log("slow", s, performance.now() - t, r.steps);
}
console.log(after, codes, (performance.now() - t0) / n, Deno.memoryUsage());
