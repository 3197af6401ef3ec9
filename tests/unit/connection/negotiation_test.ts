/** The first words on a connection, with brokers of every age, and with what is none. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Opener } from "../../../src/connection/open.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { encodeResponse } from "../../../src/protocol/message.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, LABEL, listing, meeting, MODERN, type Peer, type Script, Stage } from "./peers.ts";

const NO_TOPICS = { brokers: [{ nodeId: 1, host: "peer", port: 9092 }], topics: [] };
const REFUSED = 35;
const FIVE_MINUTES = 5 * 60_000;

/** Answers Metadata until the client goes. */
async function answerMetadata(peer: Peer): Promise<void> {
  for (let asked = await peer.next(); asked; asked = await peer.next()) {
    assert.equal(asked.apiKey, metadata.key);
    await peer.answer(metadata, asked, NO_TOPICS);
  }
}

/** As 0.8: hangs up on ApiVersions, answers Metadata. */
const old08: Script = async (peer) => {
  for (let asked = await peer.next(); asked; asked = await peer.next()) {
    if (asked.apiKey === apiVersions.key) return;
    await peer.answer(metadata, asked, NO_TOPICS);
  }
};

/** As 0.9: forgets ApiVersions, answers what comes after it. */
const old09: Script = async (peer) => {
  for (let asked = await peer.next(); asked; asked = await peer.next()) {
    if (asked.apiKey === listGroups.key) await peer.answer(listGroups, asked, { errorCode: 0, groups: [] });
    if (asked.apiKey === metadata.key) await peer.answer(metadata, asked, NO_TOPICS);
  }
};

const modern: Script = async (peer) => {
  await peer.greet(await peer.expect(apiVersions, 4));
  await answerMetadata(peer);
};

async function ask(world: Parameters<typeof meeting>[0], script: Script): Promise<{ source: string; dials: number }> {
  let source = "";
  let dials = 0;
  await meeting(world, script, async (opener, stage) => {
    const connection = await opener.open(ADDRESS);
    source = connection.versions.source;
    const { brokers } = await connection.request(metadata, { topics: [] }, { timeoutMs: 1000 });
    assert.equal(brokers[0]!.nodeId, 1);
    await connection.close();
    dials = stage.dials.get(LABEL)!;
  });
  return { source, dials };
}

test("a modern broker is understood at once, and told who asks", async () => {
  await simulated(async (world) => {
    assert.deepEqual(await ask(world, modern), { source: "ApiVersions", dials: 1 });
    assert.isBelow(world.now(), 100);
  });
});

for (
  const [name, hint, versions] of [
    ["names a lower version", [{ apiKey: 18, minVersion: 0, maxVersion: 2 }], [4, 2]],
    ["names nothing", [], [4, 0]],
    ["names only others", [{ apiKey: 3, minVersion: 0, maxVersion: 2 }], [4, 0]],
    ["names the version that it refuses", [{ apiKey: 18, minVersion: 0, maxVersion: 4 }], [4, 0]],
    ["names a negative version", [{ apiKey: 18, minVersion: 0, maxVersion: -1 }], [4, 0]],
  ] as const
) {
  test(`a broker that refuses the version and ${name} is asked again on the same connection`, async () => {
    await simulated(async (world) => {
      const script: Script = async (peer) => {
        const refused = await peer.expect(apiVersions, versions[0]);
        await peer.answer(apiVersions, refused, { errorCode: REFUSED, apiKeys: [...hint] }, 0);
        await peer.greet(await peer.expect(apiVersions, versions[1]));
        await answerMetadata(peer);
      };
      assert.deepEqual(await ask(world, script), { source: "ApiVersions", dials: 1 });
    });
  });
}

test("the version that was understood is tried first on the next connection", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer, nth) => {
      if (nth === 0) {
        const refused = await peer.expect(apiVersions, 4);
        await peer.answer(apiVersions, refused, { errorCode: REFUSED, apiKeys: listing({ 18: [0, 1] }) }, 0);
      }
      await peer.greet(await peer.expect(apiVersions, 1));
      await peer.ignore();
    };
    await meeting(world, script, async (opener) => {
      for (let i = 0; i < 3; i++) await (await opener.open(ADDRESS)).close();
    });
  });
});

test("a broker that refuses version after version is not asked for ever", async () => {
  await simulated(async (world) => {
    let asks = 0;
    const script: Script = async (peer) => {
      for (let asked = await peer.next(); asked; asked = await peer.next()) {
        asks++;
        const hint = listing({ 18: [0, Math.max(0, asked.version - 1)] });
        await peer.answer(apiVersions, asked, { errorCode: REFUSED, apiKeys: hint }, 0);
      }
    };
    await meeting(world, script, async (opener) => {
      const error = await failure(opener.open(ADDRESS), "UNSUPPORTED_VERSION");
      assert.equal(error.broker, LABEL);
      assert.isFalse(error.retriable);
    });
    assert.equal(asks, 5);
  });
});

test("another error in the answer is told with its name", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.answer(apiVersions, await peer.expect(apiVersions), { errorCode: 42, apiKeys: [] });
      await peer.ignore();
    };
    await meeting(world, script, async (opener) => {
      assert.equal((await failure(opener.open(ADDRESS), "INVALID_REQUEST")).broker, LABEL);
    });
  });
});

test("a broker of 0.8 is known by its hanging up, remembered, and asked again after five minutes", async () => {
  await simulated(async (world) => {
    await meeting(world, old08, async (opener, stage) => {
      const open = async () => {
        const connection = await opener.open(ADDRESS);
        assert.equal(connection.versions.source, "0.8.2");
        await connection.request(metadata, { topics: [] }, { timeoutMs: 1000 });
        await connection.close();
        return stage.dials.get(LABEL);
      };
      assert.equal(await open(), 3, "hung up, found out, used");
      assert.equal(await open(), 4);
      await world.sleep(FIVE_MINUTES - 1000);
      assert.equal(await open(), 5);
      await world.sleep(2000);
      assert.equal(await open(), 8, "asked again");
      opener.forget(ADDRESS);
      assert.equal(await open(), 11);
    });
  });
});

test("a broker that only hung up once is not taken for an old one", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer, nth) => {
      if (nth === 0) return; // it was being restarted
      await peer.answer(metadata, await peer.expect(metadata, 0), NO_TOPICS);
      await peer.greet(await peer.expect(apiVersions, 0));
      await answerMetadata(peer);
    };
    assert.deepEqual(await ask(world, script), { source: "ApiVersions", dials: 2 });
  });
});

test("a broker that goes down while it is asked is not remembered as an old one", async () => {
  await simulated(async (world) => {
    const stage = new Stage(world);
    await stage.play(old08);
    let dials = 0;
    const dial: Dial = (address, options) => {
      if (++dials === 3) return Promise.reject(new KafkaError("CONNECTION_REFUSED", "gone", { broker: LABEL }));
      return stage.network.dial(address, options);
    };
    const opener = new Opener(stage.settings({ dial }));
    await failure(opener.open(ADDRESS), "CONNECTION_REFUSED");
    await (await opener.open(ADDRESS)).close();
    assert.equal(dials, 6, "asked from the beginning");
    await stage.end();
  });
});

test("a broker of 0.9 is known after half a second by answering what came later, and remembered", async () => {
  await simulated(async (world) => {
    await meeting(world, old09, async (opener, stage) => {
      const connection = await opener.open(ADDRESS);
      assert.equal(connection.versions.source, "0.9");
      assert.closeTo(world.now(), 500, 10);
      await connection.request(metadata, { topics: [] }, { timeoutMs: 1000 });
      await connection.close();
      const next = await opener.open(ADDRESS);
      assert.equal(next.versions.source, "0.9");
      assert.closeTo(world.now(), 500, 20);
      await next.close();
      await world.sleep(FIVE_MINUTES);
      const before = world.now();
      await (await opener.open(ADDRESS)).close();
      assert.closeTo(world.now() - before, 500, 10, "asked again");
      assert.equal(stage.dials.get(LABEL), 3);
    });
  });
});

test("a modern broker that is slow is not taken for an old one, and its late answer is swallowed", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      const asked = await peer.expect(apiVersions, 4);
      await world.sleep(3000);
      await peer.greet(asked);
      await peer.answer(listGroups, await peer.expect(listGroups, 0), { errorCode: 0, groups: [] });
      await answerMetadata(peer);
    };
    assert.deepEqual(await ask(world, script), { source: "ApiVersions", dials: 1 });
    assert.closeTo(world.now(), 3000, 10);
  });
});

test("a slow broker that refuses the version is asked again in step", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      const asked = await peer.expect(apiVersions, 4);
      await world.sleep(2000);
      await peer.answer(apiVersions, asked, { errorCode: REFUSED, apiKeys: [] }, 0);
      await peer.answer(listGroups, await peer.expect(listGroups, 0), { errorCode: 0, groups: [] });
      await peer.greet(await peer.expect(apiVersions, 0));
      await answerMetadata(peer);
    };
    assert.deepEqual(await ask(world, script), { source: "ApiVersions", dials: 1 });
  });
});

test("a peer that hangs up on everything is told apart from an old broker", async () => {
  await simulated(async (world) => {
    const script: Script = async ({ transport }) => void await transport.read(new Uint8Array(512));
    await meeting(world, script, async (opener, stage) => {
      const error = await failure(opener.open(ADDRESS), "CONNECTION_CLOSED");
      assert.equal(error.broker, LABEL);
      assert.isTrue(error.retriable);
      assert.include(error.message, "want SASL");
      assert.equal(stage.dials.get(LABEL), 3);
    });
  });
});

test("a TLS port that hangs up without an alert is found out by a greeting in TLS", async () => {
  await simulated(async (world) => {
    const script: Script = async ({ transport }) => {
      const into = new Uint8Array(512);
      const count = await transport.read(into, 5);
      if (count === null || into[0] !== 0x16) return;
      assert.equal(5 + (into[3]! << 8) + into[4]!, count, "one whole record");
      assert.equal(into[5], 1, "a ClientHello");
      await transport.write([Uint8Array.of(0x16, 3, 3, 0, 4, 2, 0, 0, 0)]);
    };
    await meeting(world, script, async (opener, stage) => {
      const error = await failure(opener.open(ADDRESS), "NOT_KAFKA");
      assert.equal(error.broker, LABEL);
      assert.include(error.message, "the option tls");
      assert.isFalse(error.retriable);
      assert.equal(stage.dials.get(LABEL), 3);
    });
  });
});

/** Peers whose first words are no answer of a broker: what they write, and what it is called. */
const STRANGERS: readonly [name: string, bytes: () => Uint8Array, code: string, words: string][] = [
  ["an HTTP server", () => ascii("HTTP/1.1 400 Bad Request\r\n\r\n"), "NOT_KAFKA", "HTTP"],
  ["a TLS port", () => Uint8Array.of(0x15, 3, 1, 0, 2, 2, 80), "NOT_KAFKA", "TLS"],
  ["a TLS client", () => Uint8Array.of(0x16, 3, 1, 0, 2, 2, 80), "NOT_KAFKA", "TLS"],
  ["a frame of negative length", () => Uint8Array.of(0xff, 0xff, 0xff, 0xfe, 1, 2), "PROTOCOL_ERROR", "-2 bytes"],
  ["a frame of 2 GB", () => Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 1, 2), "FRAME_TOO_LARGE", "2147483647"],
  ["a frame that is torn", () => Uint8Array.of(0, 0, 0, 10, 0, 0, 0, 0), "CONNECTION_RESET", "inside a frame"],
  ["a frame without room for an id", () => Uint8Array.of(0, 0, 0, 2, 0, 0), "PROTOCOL_ERROR", "holds no answer"],
  ["another's correlation id", () => answerWithId(77), "PROTOCOL_ERROR", "correlation id 77 where 0 was due"],
  [
    "an answer that is cut short",
    () => Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 9, 9),
    "PROTOCOL_ERROR",
    "ApiVersions",
  ],
];

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function answerWithId(id: number): Uint8Array {
  const chunks = encodeResponse(apiVersions, 4, id, { errorCode: 0, apiKeys: listing(MODERN) });
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

for (const [name, bytes, code, words] of STRANGERS) {
  test(`${name} in place of an answer: ${code}, at once and with the address`, async () => {
    await simulated(async (world) => {
      const script: Script = async (peer) => {
        await peer.next();
        await peer.write(bytes());
      };
      await meeting(world, script, async (opener, stage) => {
        const error = await failure(opener.open(ADDRESS), code);
        assert.equal(error.broker, LABEL);
        assert.include(error.message, words);
        assert.equal(error.retriable, code === "CONNECTION_RESET");
        assert.equal(stage.dials.get(LABEL), 1);
        assert.isBelow(world.now(), 100);
      });
    });
  });
}

test("a peer that never says a word fails at the deadline, and nothing is left of it", async () => {
  await simulated(async (world) => {
    await meeting(world, (peer) => peer.ignore(), async (opener) => {
      const error = await failure(opener.open(ADDRESS), "CONNECT_TIMEOUT");
      assert.equal(error.broker, LABEL);
      assert.include(error.message, "10000 ms");
      assert.isTrue(error.retriable);
      assert.closeTo(world.now(), 10_000, 10);
    });
  });
});

test("a peer that promises a gigabyte and sends a byte a second fails at the deadline", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.next();
      await peer.write(Uint8Array.of(0x3f, 0xff, 0xff, 0xff));
      for (let i = 0; i < 12; i++) {
        await peer.write(Uint8Array.of(0));
        await world.sleep(1000);
      }
    };
    await meeting(world, script, async (opener) => {
      assert.equal((await failure(opener.open(ADDRESS), "CONNECT_TIMEOUT")).broker, LABEL);
    });
  });
});

test("the caller's abort ends an attempt with its reason, wherever it is", async () => {
  for (const abortAt of [0, 100, 499, 500, 501, 5000]) {
    await simulated(async (world) => {
      await meeting(world, (peer) => peer.ignore(), async (opener) => {
        const caller = new AbortController();
        const opening = rejection(opener.open(ADDRESS, caller.signal));
        await world.sleep(abortAt);
        caller.abort("enough");
        assert.equal(await opening, "enough");
        assert.isBelow(world.now(), abortAt + 20);
      });
    });
  }
});

test("nobody listens: what the dial says is passed on", async () => {
  await simulated(async (world) => {
    await meeting(world, modern, async (opener) => {
      const error = await failure(opener.open({ host: "nobody", port: 1 }), "CONNECTION_REFUSED");
      assert.equal(error.broker, "nobody:1");
    });
  });
});

test("TLS options are asked for at each dial, and a function that fails or hangs fails the attempt in time", async () => {
  await simulated(async (world) => {
    const never = world.deferred<Record<string, never>>("TLS options");
    let asks = 0;
    const tls = () => {
      if (++asks === 1) throw new Error("no such file");
      return never.promise;
    };
    await meeting(world, modern, async (opener, stage) => {
      const error = await failure(opener.open(ADDRESS), "TLS_FAILED");
      assert.include(error.message, "no such file");
      assert.equal(error.broker, LABEL);
      assert.isTrue(error.retriable, "what hands certificates out may be back soon");
      await failure(opener.open(ADDRESS), "CONNECT_TIMEOUT");
      assert.equal(asks, 2);
      assert.isUndefined(stage.dials.get(LABEL));
    }, { tls });
    never.resolve({});
  });
});
