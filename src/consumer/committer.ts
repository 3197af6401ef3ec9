/** Commits of one consumer: one under way at a time, so that none overtakes another; what comes meanwhile goes into the next. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred, World } from "../base/world.ts";
import type { CommittedOffset, GroupOffsets } from "./group_offsets.ts";

/** An offset to be committed. */
export interface Commit extends CommittedOffset {
  /** Which seek of its partition it comes after: from one place on, commits do not go back. */
  readonly generation: number;
}

/** What it works with. */
export interface CommitterParts {
  readonly world: World;
  readonly group: string;
  readonly offsets: GroupOffsets;
  /** Runs one request with its retries under a deadline. */
  readonly deadline: (work: (signal: AbortSignal) => Promise<void>) => Promise<void>;
}

/** What goes out together, and who waits for it. */
interface Flight {
  readonly commits: Map<number, Commit>;
  readonly done: Deferred<void>;
}

/** The commits of one consumer. */
export class Committer {
  readonly #parts: CommitterParts;
  /** What is committed, under way or waiting, by partition. A commit that failed is not here. */
  readonly #last = new Map<number, Commit>();
  #flight: Flight | undefined;
  #next: Flight | undefined;

  /** Nothing is committed yet, as far as it knows. */
  constructor(parts: CommitterParts) {
    this.#parts = parts;
  }

  /** What was committed before. */
  knows(partition: number, committed: Commit): void {
    this.#last.set(partition, committed);
  }

  /** What is committed, under way or waiting. */
  last(partition: number): Commit | undefined {
    return this.#last.get(partition);
  }

  /** Whether committing would change something: no commit goes back, unless somebody has sought back. */
  isNews(partition: number, { offset, generation }: Pick<Commit, "offset" | "generation">): boolean {
    const last = this.#last.get(partition);
    if (!last) return true;
    return last.generation === generation ? offset > last.offset : offset !== last.offset;
  }

  /**
   * Resolves when the commits are stored, together with what is under way for the same partitions and goes as far. `isExact` commits
   * them even where that goes back. Rejects with what kept them from being stored; what was stored all the same stays so.
   */
  async commit(commits: ReadonlyMap<number, Commit>, isExact = false): Promise<void> {
    const flights = new Set<Flight>();
    for (const [partition, commit] of commits) {
      const flight = isExact || this.isNews(partition, commit)
        ? this.#add(partition, commit)
        : [this.#next, this.#flight].find((flight) => flight?.commits.has(partition));
      if (flight) flights.add(flight);
    }
    if (this.#next && !this.#flight) this.#start();
    await Promise.all([...flights].map(({ done }) => done.promise));
  }

  /** Resolves when nothing is under way; whoever waits for a commit is told what became of it. */
  async settled(): Promise<void> {
    while (this.#flight) await this.#flight.done.promise.catch(() => {}); // whoever asked for it is told
  }

  #add(partition: number, commit: Commit): Flight {
    const next = this.#next ??= this.#newFlight();
    next.commits.set(partition, commit);
    this.#last.set(partition, commit);
    return next;
  }

  #newFlight(): Flight {
    const done = this.#parts.world.deferred<void>(`commit of the group ${this.#parts.group}`);
    return { commits: new Map(), done };
  }

  #start(): void {
    const flight = this.#flight = this.#next!;
    this.#next = undefined;
    const { world, group, offsets, deadline } = this.#parts;
    world.task(`commit of the group ${group}`, async () => {
      const left = new Map(flight.commits);
      let failure: unknown;
      try {
        const stored = (partition: number) => left.delete(partition);
        await deadline((signal) => offsets.commit(flight.commits, stored, signal));
      } catch (error) {
        failure = error ?? new KafkaError("CLOSED", "The commit was given up");
        // Forgotten, so that they are news again; but not what somebody has asked for meanwhile.
        for (const [partition, commit] of left) {
          if (this.#last.get(partition) === commit) this.#last.delete(partition);
        }
      }
      this.#flight = undefined;
      if (this.#next) this.#start();
      if (failure === undefined) flight.done.resolve();
      else flight.done.reject(failure);
    });
  }
}
