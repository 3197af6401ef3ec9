/** Tells where a program on V8 spent its time, from the profiles that its inspector wrote. */

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function, and its share of the time in which the process was busy. */
export interface SelfTime {
  readonly where: string;
  readonly share: number;
}

/** What is no work of the program: its rest, and the making of the profile. */
const UNCOUNTED = /^\(idle\)$|^post node:inspector:/;

/** The functions in which a profile was seen, the dearest first. What was idle does not count. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((node, i) => {
    const name = names.get(node)!;
    const time = profile.timeDeltas[i]!;
    if (UNCOUNTED.test(name) || time < 0) return;
    busy += time;
    times.set(name, (times.get(name) ?? 0) + time);
  });
  return [...times].map(([where, time]) => ({ where, share: time / busy })).sort((a, b) => b.share - a.share);
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const file = url.slice(url.lastIndexOf("/") + 1);
  return `${functionName || "(anonymous)"}${file && ` ${file}:${lineNumber + 1}`}`;
}

const SHOWN = 30;

/** The functions of a run, as text. */
export function selfTimeTable(profile: CpuProfile): string {
  return selfTimes(profile).slice(0, SHOWN).map(({ where, share }) =>
    `${(share * 100).toFixed(1).padStart(5)} %  ${where}`
  ).join("\n");
}
