/** The way in that the running platform has: from the package by its public names. */

import type * as Door from "@samsa/kafka/node";

/** Which platform runs. */
export const runtime: "deno" | "bun" | "node" = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** Its door. */
export const door: typeof Door = runtime === "deno"
  ? await import("@samsa/kafka/deno")
  : runtime === "bun"
  ? await import("@samsa/kafka/bun")
  : await import("@samsa/kafka/node");
