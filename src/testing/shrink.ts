/** Makes a failing run's list of faults as short as it can be while the run still fails. */

/**
 * Delta debugging: leaves out ever smaller parts, and keeps to what still fails. `fails` plays the run with the shorter list; it
 * should hold on to the kind of failure ({@linkcode kindOf}), or the search slides to another bug. The result fails, and leaving
 * out any single item of it does not.
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (fewer: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (items.length === 0 || await fails([])) return [];
  let kept = items;
  for (let part = Math.ceil(kept.length / 2); part >= 1;) {
    const fewer = await withoutPart(kept, part, fails);
    if (fewer !== undefined) {
      kept = fewer;
      part = Math.min(part, Math.ceil(kept.length / 2));
    } else {
      part = part === 1 ? 0 : Math.ceil(part / 2);
    }
  }
  return kept;
}

async function withoutPart<T>(
  items: readonly T[],
  part: number,
  fails: (fewer: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | undefined> {
  if (items.length === 1) return undefined;
  for (let at = 0; at < items.length; at += part) {
    const fewer = items.filter((_, index) => index < at || index >= at + part);
    if (await fails(fewer)) return fewer;
  }
  return undefined;
}

/** A failure's kind: its first words, without numbers and without who waits for what. */
export function kindOf(failure: string | undefined): string {
  return (failure ?? "").split(/[;(]/)[0]!.replace(/\d+/g, "#").slice(0, 60).trim();
}
