/** Sessions that end are renewed on their connection: when, in which order, and what becomes of it if that fails (KIP-368). */

import { assert } from "chai";
import type { World } from "../../../src/base/world.ts";
import type { Connection } from "../../../src/connection/connection.ts";
import type { ConnectionSettings } from "../../../src/connection/open.ts";
import { plain } from "../../../src/connection/sasl/plain.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { saslAuthenticate } from "../../../src/protocol/sasl_authenticate.ts";
import { saslHandshake } from "../../../src/protocol/sasl_handshake.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, type Asked, meeting, MODERN, type Peer } from "./peers.ts";

const RANGES = { ...MODERN, 17: [0, 1], 36: [0, 2] } as const;
const CREDENTIALS = { username: "alice", password: "secret" };
const NO_RECORDS = { acks: 0, timeoutMs: 1000, topicData: [] };

/** What came, each by its letter, and when: `h`andshake, `a`uthenticate, `p`roduce, or the topic that metadata was asked for. */
interface Seen {
  letters: string;
  readonly times: number[];
}

/** How the peer behaves; what is left out goes well at once. */
interface Manner {
  /** The session's milliseconds, by the number of the authentication from 0 on. */
  readonly lifetimeMs: (nth: number) => number;
  /** Before the answer to the nth SaslAuthenticate; true: it hangs up. */
  readonly before?: (nth: number) => Promise<boolean | void> | void;
  /** The error of the nth. */
  readonly errorCode?: (nth: number) => number;
  /** Before the answer to Metadata for a topic; gives the time to throttle for. */
  readonly topic?: (name: string) => Promise<number | void> | void;
}

async function serve(peer: Peer, world: World, seen: Seen, manner: Manner): Promise<void> {
  let nth = 0;
  for (let asked; (asked = await peer.next());) {
    const { letter, answer } = reading(peer, asked);
    if (asked.apiKey === apiVersions.key) {
      await peer.greet(asked, RANGES);
      continue;
    }
    seen.letters += letter;
    seen.times.push(Math.round(world.now()));
    if (letter === "a") {
      if (await manner.before?.(nth)) return;
      const errorCode = manner.errorCode?.(nth) ?? 0;
      const sessionLifetimeMs = manner.lifetimeMs(nth++);
      await peer.answer(saslAuthenticate, asked, {
        ...{ errorCode, errorMessage: "no", authBytes: new Uint8Array(), sessionLifetimeMs },
      });
    } else await answer(await (letter === "h" ? undefined : manner.topic?.(letter)) ?? 0);
  }
}

function reading(peer: Peer, asked: Asked): { letter: string; answer: (throttleTimeMs: number) => Promise<void> } {
  switch (asked.apiKey) {
    case saslHandshake.key:
      return { letter: "h", answer: () => peer.answer(saslHandshake, asked, { errorCode: 0, mechanisms: ["PLAIN"] }) };
    case saslAuthenticate.key:
      return { letter: "a", answer: () => Promise.resolve() };
    case produce.key:
      return { letter: "p", answer: () => Promise.resolve() };
    default: {
      const letter = new TextDecoder().decode(asked.frame.subarray(-6)).replace(/[^A-Z]/g, "");
      const answer = (throttleTimeMs: number) =>
        peer.answer(metadata, asked, { brokers: [], topics: [], controllerId: 0, throttleTimeMs });
      return { letter, answer };
    }
  }
}

interface Play {
  readonly world: World;
  readonly connection: Connection;
  readonly seen: Seen;
  /** Asks for a topic of that name; version 8, where the name stands at the end. */
  readonly ask: (letter: string, signal?: AbortSignal) => Promise<unknown>;
  /** Waits until that moment since the connection stood. */
  readonly until: (ms: number) => Promise<void>;
}

async function play(
  manner: Manner,
  body: (play: Play) => Promise<void>,
  more: Partial<ConnectionSettings> = {},
  seed = 1,
): Promise<void> {
  await simulated(async (world) => {
    const seen: Seen = { letters: "", times: [] };
    await meeting(world, (peer) => serve(peer, world, seen, manner), async (opener) => {
      const connection = await opener.open(ADDRESS);
      const start = world.now();
      assert.equal(seen.letters, "ha");
      const ask = (letter: string, signal?: AbortSignal) =>
        connection.request(metadata, { topics: [{ name: letter }] }, { timeoutMs: 30_000, versionMax: 8, signal });
      const until = (ms: number) => world.sleep(start + ms - world.now());
      await body({ world, connection, seen, ask, until });
      await connection.close();
    }, { sasl: plain(CREDENTIALS), ...more });
  }, seed);
}

test("in time: what is in flight is answered first, what comes is held, and all go on in their order", async () => {
  const slow = Promise.withResolvers<void>();
  const talking = Promise.withResolvers<void>();
  const manner = {
    lifetimeMs: () => 10_000,
    before: (nth: number) => nth === 1 ? talking.promise : undefined,
    topic: (name: string) => name === "S" ? slow.promise : undefined,
  };
  await play(manner, async ({ world, connection, seen, ask, until }) => {
    await until(8400);
    await ask("A");
    assert.equal(seen.letters, "haA", "it is early");
    const answers: string[] = [];
    const told = (letter: string) => ask(letter).then(() => answers.push(letter));
    const all = [told("S")];
    await until(9600);
    for (const letter of "BCD") all.push(told(letter));
    assert.equal(connection.inFlight, 4);
    await until(9700);
    assert.equal(seen.letters, "haAS", "S is not answered yet");
    slow.resolve();
    await until(9800);
    all.push(told("E"));
    const acks0 = connection.send(produce, NO_RECORDS, { timeoutMs: 1000 });
    assert.isFalse(connection.isQuiet);
    await until(9900);
    assert.equal(seen.letters, "haASha", "nothing but the authentication");
    talking.resolve();
    await Promise.all([...all, acks0]);
    assert.equal(answers.join(""), "SBCDE");
    assert.match(seen.letters, /^haAShaBCDE?pE?$/);
    await until(9900 + 8400);
    await ask("F");
    assert.match(seen.letters, /F$/, "the new session is as long");
    assert.equal(seen.letters.match(/h/g)!.length, 2);
    await world.sleep(1700);
    await ask("G");
    assert.match(seen.letters, /FhaG$/);
  });
});

test("it begins at 85 to 95 % by chance, and the connection is used meanwhile", async () => {
  const parts = new Set<number>();
  for (let seed = 1; seed <= 30; seed++) {
    await play(
      { lifetimeMs: () => 100_000 },
      async ({ seen, ask, until }) => {
        for (let part = 80; part < 97 && seen.letters.match(/h/g)!.length < 2; part++) {
          await until(part * 1000);
          await ask("A");
          if (seen.letters.match(/h/g)!.length > 1) parts.add(part);
        }
      },
      {},
      seed,
    );
  }
  assert.isAtLeast(Math.min(...parts), 85);
  assert.isAtMost(Math.max(...parts), 95);
  assert.isAtLeast(parts.size, 6, [...parts].join());
});

test("nobody keeps up a session that nobody needs: the next request renews it, however late", async () => {
  await play({ lifetimeMs: () => 1000 }, async ({ seen, ask, until }) => {
    await until(3_600_000);
    assert.equal(seen.letters, "ha");
    await ask("A");
    assert.equal(seen.letters, "hahaA");
  });
});

test("requests go on while the credentials are asked for, until the session is all but over", async () => {
  let calls = 0;
  const gates = [0, 600, 2000];
  await simulated(async (world) => {
    const sasl = plain(async () => {
      await world.sleep(gates[calls++] ?? 0);
      return CREDENTIALS;
    });
    const seen: Seen = { letters: "", times: [] };
    await meeting(world, (peer) => serve(peer, world, seen, { lifetimeMs: () => 100_000 }), async (opener) => {
      const connection = await opener.open(ADDRESS);
      const ask = (letter: string) =>
        connection.request(metadata, { topics: [{ name: letter }] }, { timeoutMs: 30_000, versionMax: 8 });
      await world.sleep(94_900);
      await ask("A");
      await ask("B");
      assert.equal(seen.letters, "haAB", "the credentials are asked for");
      assert.equal(calls, 2);
      await world.sleep(700);
      await ask("C");
      assert.equal(seen.letters, "haABhaC");
      // Late: nothing goes before it.
      await world.sleep(120_000);
      const late = ask("D");
      await world.sleep(1900);
      assert.notInclude(seen.letters, "D");
      await late;
      assert.match(seen.letters, /haD$/);
      assert.isAbove(calls, 2);
      await connection.close();
    }, { sasl });
  });
});

test("what fails ends the connection with its cause, and whoever is held learns of it", async () => {
  const manner = { lifetimeMs: () => 1000, errorCode: (nth: number) => nth === 1 ? 58 : 0 };
  await play(manner, async ({ connection, ask, until }) => {
    await until(960);
    const controller = new AbortController();
    const [first, second, gone] = [ask("A"), ask("B"), ask("C", controller.signal)];
    controller.abort(new Error("not any more"));
    assert.equal((await rejection(gone) as Error).message, "not any more");
    const error = await failure(first, "CONNECTION_CLOSED");
    assert.equal(await rejection(second), error);
    assert.isTrue(error.retriable);
    assert.equal((error.cause as { code?: string }).code, "SASL_AUTHENTICATION_FAILED");
    assert.include(error.message, "could not authenticate again");
    assert.equal(connection.error, error);
  });
});

test("a peer that hangs up, or says nothing, in the middle of it", async () => {
  await play({ lifetimeMs: () => 1000, before: (nth) => Promise.resolve(nth === 1) }, async ({ ask, until }) => {
    await until(960);
    await failure(ask("A"), "CONNECTION_CLOSED");
  });
  const never = Promise.withResolvers<void>();
  const silent = { lifetimeMs: () => 1000, before: (nth: number) => nth === 1 ? never.promise : undefined };
  await play(silent, async ({ world, ask, until }) => {
    await until(960);
    const before = world.now();
    const error = await failure(ask("A"), "CONNECTION_CLOSED");
    assert.approximately(world.now() - before, 3000, 10);
    assert.include(["CONNECT_TIMEOUT", "REQUEST_TIMEOUT"], (error.cause as { code?: string }).code);
    never.resolve();
  }, { connectTimeoutMs: 3000 });
});

test("closing and aborting in the middle of it leaves nothing", async () => {
  const never = Promise.withResolvers<void>();
  const silent = { lifetimeMs: () => 1000, before: (nth: number) => nth === 1 ? never.promise : undefined };
  await play(silent, async ({ connection, seen, ask, until }) => {
    await until(960);
    const wait = ask("A");
    await until(1000);
    assert.equal(seen.letters, "haha");
    const closed = connection.close();
    await failure(wait, "CONNECTION_CLOSED");
    await closed;
    never.resolve();
  });
  let calls = 0;
  const hangs = plain(() => calls++ === 0 ? CREDENTIALS : new Promise(() => {}));
  await play({ lifetimeMs: () => 1000 }, async ({ connection, ask, until }) => {
    await until(960);
    const wait = ask("A");
    await until(970);
    const drained = connection.drain();
    await until(1000);
    assert.isUndefined(connection.error, "somebody is held");
    await failure(wait, "CONNECTION_CLOSED");
    await drained;
  }, { sasl: hangs, connectTimeoutMs: 500 });
  calls = 0;
  await play({ lifetimeMs: () => 1000 }, async ({ world, connection, ask, until }) => {
    await until(960);
    const wait = ask("A");
    const before = world.now();
    const closed = connection.close();
    await failure(wait, "CONNECTION_CLOSED");
    await closed;
    assert.isBelow(world.now() - before, 10, "nobody waits for credentials that nobody needs");
  }, { sasl: hangs });
});

test("sessions that last for ever, or less than nothing, or longer than any clock", async () => {
  for (const lifetime of [0, -1, -(2 ** 53), Number.MAX_SAFE_INTEGER, 2 ** 63]) {
    await play({ lifetimeMs: () => lifetime }, async ({ seen, ask, until }) => {
      await until(3_000_000);
      await ask("A");
      assert.equal(seen.letters, "haA", String(lifetime));
    });
  }
});

test("sessions of a moment: no more than one renewal a second, and everybody's turn comes", async () => {
  await play({ lifetimeMs: () => 1 }, async ({ world, seen, ask }) => {
    const all: Promise<unknown>[] = [];
    for (const letter of "ABCDEFGH") {
      all.push(ask(letter));
      await world.sleep(400);
    }
    await Promise.all(all);
    assert.equal(seen.letters.replace(/[ha]/g, ""), "ABCDEFGH");
    const handshakes = seen.times.filter((_, i) => seen.letters[i] === "h").slice(1);
    assert.isAbove(handshakes.length, 2);
    for (let i = 1; i < handshakes.length; i++) assert.isAtLeast(handshakes[i]! - handshakes[i - 1]!, 1000);
  });
});

test("a broker that wants to hear nothing is not told who we are, either; the order stays", async () => {
  const manner = { lifetimeMs: () => 10_000, topic: (name: string) => Promise.resolve(name === "T" ? 3000 : 0) };
  await play(manner, async ({ connection, seen, ask, until }) => {
    await until(8300);
    await ask("T");
    assert.isTrue(connection.isQuiet);
    await until(9600);
    const all = [ask("A"), ask("B")];
    await until(11_200);
    assert.equal(seen.letters, "haT");
    all.push(ask("C"));
    await Promise.all(all);
    assert.equal(seen.letters, "haThaABC");
  });
});

test("who has waited for a broker's silence to end goes behind the renewal that is due by then", async () => {
  const manner = { lifetimeMs: () => 10_000, topic: (name: string) => Promise.resolve(name === "T" ? 3000 : 0) };
  await play(manner, async ({ seen, ask, until }) => {
    await until(8300);
    await ask("T");
    const all = [ask("A"), ask("B")];
    await until(11_200);
    assert.equal(seen.letters, "haT");
    await Promise.all(all);
    assert.equal(seen.letters, "haThaAB");
  });
});
