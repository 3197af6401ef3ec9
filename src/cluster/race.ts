/** One after the other, but not for long: the first of several that answers. */

import { abortable, Deadline } from "../base/async.ts";
import type { World } from "../base/world.ts";

/** How a race is run. */
export interface Race<C, T> {
  readonly world: World;
  /** Asks one; the signal aborts when another has answered, or nobody waits any more. */
  readonly attempt: (candidate: C, signal: AbortSignal) => Promise<T>;
  /** How many milliseconds it is waited for before the next is asked as well. */
  readonly headStartMs: (candidate: C) => number;
  /** Told of each failure. */
  readonly failed: (candidate: C, error: unknown) => void;
}

/**
 * Asks each after the one before it has failed or had its head start: one that hangs must not hold up the others. Gives the first
 * answer; undefined when all have failed. Rejects with the signal's reason.
 */
export async function firstOf<C, T>(
  { world, attempt, headStartMs, failed }: Race<C, T>,
  candidates: readonly C[],
  signal: AbortSignal | undefined,
): Promise<{ readonly value: T } | undefined> {
  const round = new Deadline(world, Infinity, signal, () => undefined);
  let first: { readonly value: T } | undefined;
  const ask = async (candidate: C): Promise<void> => {
    try {
      const value = await attempt(candidate, round.signal);
      first ??= { value };
      round.end("another has answered");
    } catch (error) {
      if (!round.signal.aborted) failed(candidate, error);
    }
  };
  const asks: Promise<void>[] = [];
  try {
    for (const candidate of candidates) {
      if (round.signal.aborted) break;
      const asking = ask(candidate);
      asks.push(asking);
      const late = new Deadline(world, headStartMs(candidate), round.signal, () => "late");
      await abortable(world, "the first to answer", asking, late.signal).catch(() => {});
      late.cancel();
    }
    await Promise.all(asks);
    if (!first) signal?.throwIfAborted();
    return first;
  } finally {
    round.cancel();
  }
}
