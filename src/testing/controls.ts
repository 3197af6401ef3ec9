/** How tests bend what brokers answer: functions that see a request before the broker does. */

import type { Api, RequestOut } from "../wire/schema.ts";
import type { Answer, Call } from "./call.ts";

/** A request that a test may answer itself. */
export interface ControlledCall<A extends Api> {
  /** The id of the broker that was asked. */
  readonly broker: number;
  /** In which version. */
  readonly version: number;
  /** By whom, as it calls itself. */
  readonly clientId: string | null;
  /** What was asked; views in it hold only until the call is answered. */
  readonly body: RequestOut<A>;
  /** Has the broker do what was asked, once, and gives what it would answer. */
  readonly answer: () => Promise<Answer<A>>;
  /** What the answer's frame has to carry, for those who write one themselves. */
  readonly correlationId: number;
  /**
   * Writes bytes into the connection as they are, before the answer; with "drop" or "close" behind it, instead of one. Bytes that
   * the client does not take any more are lost.
   */
  readonly write: (...chunks: readonly Uint8Array[]) => Promise<void>;
}

/** Where an answer goes. */
export type Wire = Pick<ControlledCall<Api>, "correlationId" | "write">;

/**
 * Answers a request instead of the broker: with a body, or with "drop" (no answer; the connection goes on), or with "close" (the
 * connection ends). `undefined` leaves it to the broker. In an async function write `"drop" as const`, or TypeScript takes it for
 * any text.
 */
export type Control<A extends Api> = (
  call: ControlledCall<A>,
) => Answer<A> | undefined | Promise<Answer<A> | undefined>;

interface Entry {
  readonly fn: Control<Api>;
  left: number;
}

/** All that is bent now. */
export class Controls {
  readonly #entries = new Map<number, Set<Entry>>();

  /** Lets `fn` give the next `times` answers of that API; calls that it leaves to the broker do not count. Gives what ends it. */
  add<A extends Api>(api: A, fn: Control<A>, times: number): () => void {
    const entry = { fn: fn as unknown as Control<Api>, left: times };
    const entries = this.#entries.get(api.key) ?? new Set();
    this.#entries.set(api.key, entries.add(entry));
    return () => {
      entries.delete(entry);
    };
  }

  /** The answer of the first control that has one, else of the broker itself. */
  async answer(
    api: Api,
    call: Call<Api>,
    handle: (call: Call<Api>) => Promise<Answer<Api>>,
    wire: Wire,
  ): Promise<Answer<Api>> {
    const entries = this.#entries.get(api.key);
    if (!entries?.size) return await handle(call);
    let handled: Promise<Answer<Api>> | undefined;
    const answer = () => handled ??= handle(call);
    const { host, version, clientId, body } = call;
    for (const entry of [...entries]) {
      if (entry.left <= 0) continue;
      entry.left--;
      const bent = await entry.fn({ broker: host.id, version, clientId, body, answer, ...wire });
      if (bent === undefined) entry.left++;
      else {
        if (entry.left <= 0) entries.delete(entry);
        return bent;
      }
    }
    return await answer();
  }
}
