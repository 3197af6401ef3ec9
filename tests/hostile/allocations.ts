/** How much memory is asked for at once: every Uint8Array that is made by its size passes here while somebody counts. */

/** The real one. */
const Real = Uint8Array;

/** What was asked for. */
export interface Allocations {
  /** The largest array, in bytes. */
  readonly largest: number;
  /** Where it was made. */
  readonly where: string;
  /** Ends the count. */
  end(): void;
}

/** Counts until `end()`. Arrays larger than `tooLarge` are told at once, with where they are made. */
export function countAllocations(tooLarge: number, tell: (bytes: number, where: string) => void): Allocations {
  const counts = { largest: 0, where: "" };
  globalThis.Uint8Array = new Proxy(Real, {
    construct(target, args: [unknown], newTarget) {
      const [size] = args;
      if (typeof size === "number" && size > counts.largest) {
        counts.largest = size;
        counts.where = new Error(`${size} bytes`).stack ?? "";
        if (size > tooLarge) tell(size, counts.where);
      }
      return Reflect.construct(target, args, newTarget === globalThis.Uint8Array ? Real : newTarget);
    },
  });
  return {
    get largest() {
      return counts.largest;
    },
    get where() {
      return counts.where;
    },
    end: () => {
      globalThis.Uint8Array = Real;
    },
  };
}
