/** The hostile layer: brokers of an embedded cluster whose answers are bent, torn, repeated, held back or made up, by chance. */

import type { World } from "../../src/base/world.ts";
import { apiVersions } from "../../src/protocol/api_versions.ts";
import { apis } from "../../src/protocol/apis.ts";
import { decodeResponse, encodeResponse } from "../../src/protocol/message.ts";
import type { Answer } from "../../src/testing/call.ts";
import type { Chance } from "../../src/testing/chance.ts";
import type { Cluster } from "../../src/testing/cluster.ts";
import type { ControlledCall } from "../../src/testing/controls.ts";
import type { Api, ResponseIn } from "../../src/wire/schema.ts";
import { mutateBody } from "./fields.ts";
import { flipped, joined } from "./records.ts";

/** What is done to an answer. */
export type Kind = typeof kinds[number];

/** All kinds. `field`: a field lies. `stale`: what was said before is said again. The others are about the frame's bytes. */
export const kinds = [
  ...["field", "flip", "truncate", "splice", "word", "trailing", "correlation", "size", "repeat", "swap", "unasked"],
  ...["garbage", "drip", "promise", "silence", "close", "torn", "stale", "foreign", "tag", "dawdle"],
] as const;

/** How hostile a run is. */
export interface Hostility {
  /** What is done; a kind that is named twice is done twice as often. */
  readonly kinds: readonly Kind[];
  /** One answer in so many. */
  readonly oneIn: number;
  /** The keys of the APIs whose answers suffer; all, if there are none. */
  readonly apis: readonly number[];
}

/** What leaves no doubt, or tells the truth: whatever a client believes of it is so. */
const honest: ReadonlySet<Kind> = new Set<Kind>(
  [
    ...["trailing", "correlation", "size", "repeat", "unasked", "garbage", "drip", "promise", "silence", "close"],
    ...["torn", "tag", "dawdle"],
  ] as Kind[],
);

/** Whether a client can tell what is true in all that is done. */
export function isHonest({ kinds }: Hostility): boolean {
  return kinds.every((kind) => honest.has(kind));
}

/** Draws how hostile a run is: few kinds at a time, so that the others do not hide what they do. */
export function drawHostility(chance: Chance): Hostility {
  const isHonest = chance.once(3);
  const some: Kind[] = kinds.filter((kind) => chance.once(isHonest ? 3 : 6) && (!isHonest || honest.has(kind)));
  if (some.length === 0) some.push("torn");
  if (!isHonest && chance.once(2)) some.push("field", "field", "field");
  const keys = [...apis.keys()];
  return {
    kinds: some,
    oneIn: chance.pick([2, 3, 5, 10, 30]),
    apis: chance.once(2) ? [] : keys.filter(() => chance.once(3)),
  };
}

/** Counts by API and kind. */
export type Tally = Map<string, number>;

const SIZE_BYTES = 4;
const WORDS = [-2147483648, -1, 0, 1, 255, 65_536, 1_000_000, 2147483646, 2147483647];
/** How many bytes of a promised frame come, and how often. */
const DRIP_BYTES = 200;
const DRIP_MS = 300;
const DRIPS = 30;
/** The answers of each API that may be said again. */
const MEMORY = 8;

/** Bends what the brokers of one cluster answer, until it is ended. */
export class Hostile {
  /** What was done, as "API kind". */
  readonly tally: Tally = new Map();
  readonly #world: World;
  readonly #chance: Chance;
  readonly #plan: Hostility;
  readonly #ends: (() => void)[];
  readonly #said = new Map<number, { version: number; body: unknown }[]>();
  /** Frames that wait for the next answer of their broker, to come behind it. */
  readonly #held = new Map<string, Uint8Array>();
  readonly #note: (what: string) => void;
  #isOver = false;

  constructor(world: World, cluster: Cluster, chance: Chance, plan: Hostility, note: (what: string) => void) {
    this.#world = world;
    this.#chance = chance;
    this.#plan = plan;
    this.#note = note;
    this.#ends = [...apis.values()].filter(({ key }) => plan.apis.length === 0 || plan.apis.includes(key))
      .map((api) => cluster.control(api, (call) => this.#control(api, call), Infinity));
  }

  /** From now on every answer is true. */
  end(): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
  }

  async #control(api: Api, call: ControlledCall<Api>): Promise<Answer<Api> | undefined> {
    // What a broker says of itself is believed as long as a connection lives: a lie there hides all others.
    if (!this.#chance.once(api === apiVersions ? 4 * this.#plan.oneIn : this.#plan.oneIn)) return undefined;
    const kind = this.#chance.pick(this.#plan.kinds);
    const answer = await call.answer();
    if (typeof answer === "string" || this.#isOver) return answer;
    const name = `${api.name} ${kind}`;
    this.tally.set(name, (this.tally.get(name) ?? 0) + 1);
    const frame = joined(encodeResponse(api, call.version, call.correlationId, answer));
    const body = decodeResponse(api, call.version, frame.subarray(SIZE_BYTES)) as ResponseIn<Api>;
    this.#remember(api, call.version, body);
    if (kind === "field") return this.#withField(api, call, body);
    if (kind === "stale") return this.#stale(api, call, body);
    this.#note(name);
    const bent = this.#bent(kind, frame, call);
    if (bent) {
      await call.write(bent);
      return kind === "torn" ? "close" as const : "drop" as const;
    }
    return await this.#misbehave(kind, frame, call, answer);
  }

  #withField(api: Api, call: ControlledCall<Api>, body: ResponseIn<Api>): Answer<Api> {
    const path = mutateBody(api.response, call.version, body, this.#chance);
    this.#note(`${api.name} v${call.version} ${path}`);
    return body;
  }

  #remember(api: Api, version: number, body: unknown): void {
    const said = this.#said.get(api.key) ?? [];
    this.#said.set(api.key, said);
    if (said.length < MEMORY) said.push({ version, body });
  }

  /** What was true once. */
  #stale(api: Api, call: ControlledCall<Api>, body: ResponseIn<Api>): Answer<Api> {
    const old = this.#said.get(api.key)?.filter(({ version }) => version === call.version) ?? [];
    this.#note(`${api.name} stale`);
    return (old.length > 0 ? this.#chance.pick(old).body : body) as ResponseIn<Api>;
  }

  /** The frame with other bytes, for the kinds that are no more than that. */
  #bent(kind: Kind, frame: Uint8Array, call: ControlledCall<Api>): Uint8Array | undefined {
    const chance = this.#chance;
    const at = SIZE_BYTES + chance.below(Math.max(1, frame.length - SIZE_BYTES));
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    switch (kind) {
      case "flip":
        return flipped(frame, chance, SIZE_BYTES);
      case "truncate":
        return sized(frame.slice(0, at));
      case "torn":
        return frame.slice(0, at);
      case "splice":
        return sized(
          joined([frame.subarray(0, at), chance.bytes(chance.below(20)), frame.subarray(at + chance.below(20))]),
        );
      case "word":
        if (at + 4 <= frame.length) view.setInt32(at, chance.pick(WORDS));
        return frame;
      case "trailing":
        return sized(joined([frame, chance.bytes(1 + chance.below(100))]));
      case "correlation":
        view.setInt32(SIZE_BYTES, chance.once(2) ? call.correlationId + 1 : chance.word() | 0);
        return frame;
      case "size":
        view.setInt32(0, chance.pick([...WORDS, frame.length, frame.length - 5]));
        return frame;
      case "repeat":
        return joined([frame, frame]);
      case "unasked":
        return joined([sized(joined([new Uint8Array(4), chance.bytes(4 + chance.below(30))])), frame]);
      case "garbage":
        return joined([chance.bytes(1 + chance.below(40)), frame]);
      case "tag": // unknown to everybody, where the version has tags at all
        return frame.at(-1) === 0 ? sized(joined([frame.subarray(0, -1), Uint8Array.of(1, 99, 2, 7, 7)])) : frame;
      default:
        return undefined;
    }
  }

  /** The kinds that take time, or have to do with other answers. */
  async #misbehave(
    kind: Kind,
    frame: Uint8Array,
    call: ControlledCall<Api>,
    answer: Answer<Api>,
  ): Promise<Answer<Api>> {
    const chance = this.#chance;
    switch (kind) {
      case "close":
        return "close";
      case "swap": {
        const who = String(call.broker);
        const held = this.#held.get(who);
        if (held) this.#held.delete(who);
        else this.#held.set(who, frame);
        if (held) await call.write(frame, held);
        return "drop";
      }
      case "foreign": {
        const other = chance.pick([...apis.values()]);
        const said = this.#said.get(other.key)?.[0];
        if (!said) return answer;
        await call.write(...encodeResponse(other, said.version, call.correlationId, said.body as ResponseIn<Api>));
        return "drop";
      }
      case "drip": // all of it, a byte at a time
        for (let at = 0; at < Math.min(frame.length, DRIP_BYTES); at++) {
          await call.write(frame.slice(at, at + 1));
          await this.#world.sleep(chance.below(20));
        }
        await call.write(frame.subarray(DRIP_BYTES));
        return "drop";
      case "promise": {
        const head = new Uint8Array(12);
        new DataView(head.buffer).setInt32(0, chance.pick([100_000, 3_000_000, 2147483647]));
        await call.write(head);
        for (let i = 0; i < DRIPS && !this.#isOver; i++) {
          await this.#world.sleep(DRIP_MS);
          await call.write(new Uint8Array(DRIP_BYTES));
        }
        return chance.once(2) ? "close" : "drop";
      }
      case "dawdle":
        await this.#world.sleep(chance.below(6000));
        return answer;
      default:
        return "drop";
    }
  }
}

/** Writes the size that the frame has into its head. */
function sized(frame: Uint8Array): Uint8Array {
  if (frame.length < SIZE_BYTES) return frame;
  new DataView(frame.buffer, frame.byteOffset, frame.length).setInt32(0, frame.length - SIZE_BYTES);
  return frame;
}
