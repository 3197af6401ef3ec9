/** While a world runs, the real clock, the real chance and all that ends at a time of its own are out of reach. */

/** What is told while a world runs. */
export interface Offences {
  /** Something real was asked for, by name. */
  asked(name: string): void;
  /** A promise was rejected and nobody listened; only some runtimes tell, the others need a hook of the test's runner. */
  unhandled(reason: unknown): void;
  /** Whether real things are let in at the moment: work outside the world is under way. */
  isOpen(): boolean;
}

type Host = Record<string, unknown>;

const host = globalThis as unknown as Host & {
  performance?: Host;
  crypto?: Host & { subtle?: Host };
  addEventListener?: (type: string, listener: (event: unknown) => void) => void;
  removeEventListener?: (type: string, listener: (event: unknown) => void) => void;
};

/** Where what is forbidden hangs, how it is called in a report, and its names there. */
const FORBIDDEN: readonly [owner: () => Host | undefined, prefix: string, names: readonly string[]][] = [
  [() => host, "", ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch", "WebSocket"]],
  [() => host, "", ["MessageChannel", "BroadcastChannel", "CompressionStream", "DecompressionStream"]],
  [() => Date as unknown as Host, "Date.", ["now"]],
  [() => Math as unknown as Host, "Math.", ["random"]],
  [() => host.performance, "performance.", ["now"]],
  [() => host.crypto, "crypto.", ["getRandomValues", "randomUUID"]],
  [
    () => host.crypto?.subtle,
    "crypto.subtle.",
    ["digest", "sign", "verify", "importKey", "deriveBits", "deriveKey", "encrypt", "decrypt", "generateKey"],
  ],
  [() => AbortSignal as unknown as Host, "AbortSignal.", ["timeout"]],
  [() => Atomics as unknown as Host, "Atomics.", ["waitAsync"]],
];

let isForbidden = false;

/**
 * Forbids what is real, and gives the way back. Runtimes keep copies of their own, so their insides go on working.
 * `new Date()` is not caught; a lint rule has to.
 */
export function forbidReality(offences: Offences): () => void {
  if (isForbidden) throw new Error("Another simulated world is running: wait for its end first");
  isForbidden = true;
  const undo: (() => void)[] = [listenForRejections(offences)];
  for (const [ownerOf, prefix, names] of FORBIDDEN) {
    const owner = ownerOf();
    if (owner === undefined) continue;
    for (const name of names) {
      if (typeof owner[name] === "function") undo.push(replace(owner, name, prefix + name, offences));
    }
  }
  return () => {
    for (const back of undo) back();
    isForbidden = false;
  };
}

/** Real milliseconds; for what the world itself has to limit. */
export const realNow: () => number = performance.now.bind(performance);

function replace(owner: Host, name: string, fullName: string, offences: Offences): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const real = owner[name] as (...args: unknown[]) => unknown;
  const value = function (this: unknown, ...args: unknown[]): unknown {
    if (offences.isOpen()) {
      return new.target ? Reflect.construct(real, args) : Reflect.apply(real, this, args);
    }
    offences.asked(fullName);
    throw new Error(`${fullName} is not of this world`);
  };
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => {
    if (before) Object.defineProperty(owner, name, before);
    else delete owner[name];
  };
}

/** The web's own way to tell; Deno and browsers have it, and tell at the end of the very step. */
function listenForRejections(offences: Offences): () => void {
  const listener = (event: unknown) => {
    const rejection = event as { reason: unknown; preventDefault(): void };
    rejection.preventDefault();
    offences.unhandled(rejection.reason);
  };
  host.addEventListener?.("unhandledrejection", listener);
  return () => host.removeEventListener?.("unhandledrejection", listener);
}
