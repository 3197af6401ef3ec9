/** What will happen, soonest first: a binary heap whose entries know their place, so that a cancelled timer leaves at once. */

/** Something with a time; what falls on one instant is ordered by its tie. */
export interface Entry {
  /** When, in whole microseconds. */
  time: number;
  /** Which of one instant goes first; drawn, so that seeds try all orders. */
  tie: number;
  /** Its place in the heap; -1 while it is in none. The heap's own business. */
  slot: number;
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.tie < b.tie);
}

/** A priority queue with removal. */
export class Heap<E extends Entry> {
  readonly #entries: E[] = [];

  /** How many entries wait. */
  get size(): number {
    return this.#entries.length;
  }

  /** What comes next; it stays. */
  get first(): E | undefined {
    return this.#entries[0];
  }

  /** Puts an entry in that is in no heap. */
  push(entry: E): void {
    this.#entries.push(entry);
    this.#rise(entry, this.#entries.length - 1);
  }

  /** Takes what comes next. */
  pop(): E | undefined {
    const first = this.#entries[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes an entry out, wherever it is; nothing happens if it is gone already. */
  remove(entry: E): void {
    const hole = entry.slot;
    if (hole < 0) return;
    entry.slot = -1;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    if (hole > 0 && isBefore(last, this.#entries[(hole - 1) >> 1]!)) this.#rise(last, hole);
    else this.#sink(last, hole);
  }

  #rise(entry: E, from: number): void {
    const entries = this.#entries;
    let slot = from;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = entries[above]!;
      if (!isBefore(entry, parent)) break;
      entries[slot] = parent;
      parent.slot = slot;
      slot = above;
    }
    entries[slot] = entry;
    entry.slot = slot;
  }

  #sink(entry: E, from: number): void {
    const entries = this.#entries;
    const length = entries.length;
    let slot = from;
    for (let below = 2 * slot + 1; below < length; below = 2 * slot + 1) {
      let child = entries[below]!;
      const sibling = below + 1 < length ? entries[below + 1]! : child;
      if (sibling !== child && isBefore(sibling, child)) {
        child = sibling;
        below++;
      }
      if (!isBefore(child, entry)) break;
      entries[slot] = child;
      child.slot = slot;
      slot = below;
    }
    entries[slot] = entry;
    entry.slot = slot;
  }
}
