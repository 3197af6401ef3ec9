/** Plays the seeds that it is told, one at a time, away from whoever watches that each comes to an end. */

import { play } from "./play.ts";

/** What a seed came to, as it can be sent. */
export interface Played {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly stack: string;
  readonly steps: number;
  readonly after: string;
  readonly largest: number;
  /** Bytes that the engine holds, inside its heap and outside. */
  readonly heapBytes: number;
  readonly tally: ReadonlyMap<string, number>;
  readonly codes: ReadonlyMap<string, number>;
}

// deno-lint-ignore no-explicit-any -- the checker knows windows only
const scope = self as any;

scope.onmessage = async ({ data: { seed } }: MessageEvent<{ readonly seed: number }>) => {
  const { failure, cause, steps, after, largest, tally, codes } = await play(seed);
  const { heapUsed, external } = Deno.memoryUsage();
  const stack = cause instanceof Error ? cause.stack ?? "" : "";
  const heapBytes = heapUsed + external;
  const played: Played = { seed, failure, stack, steps, after, largest, heapBytes, tally, codes };
  scope.postMessage(played);
};
