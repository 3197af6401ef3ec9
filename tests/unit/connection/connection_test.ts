/** A connection in use: pipelining, deadlines, aborts, silence, broken answers, and its end. */

import { assert } from "chai";
import type { Connection } from "../../../src/connection/connection.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { encodeResponse } from "../../../src/protocol/message.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { test } from "../../harness.ts";
import { CountedSignal, failure, rejection, simulated } from "../base/simulated.ts";
import { type Asked, connected, LABEL, type Peer, type Script } from "./peers.ts";

/** Answers each Metadata with the number of the request, from 0 on, as the controller's id. */
function numbering(before: (nth: number) => Promise<void> = () => Promise.resolve()): Script {
  return async (peer) => {
    let nth = 0;
    for (let asked = await peer.next(); asked; asked = await peer.next()) {
      await before(nth);
      await number(peer, asked, nth++);
    }
  };
}

function number(peer: Peer, asked: Asked, nth: number): Promise<void> {
  return peer.answer(metadata, asked, { brokers: [], topics: [], controllerId: nth });
}

async function ask(connection: Connection, timeoutMs = 30_000, signal?: AbortSignal): Promise<number> {
  return (await connection.request(metadata, { topics: null }, { timeoutMs, signal })).controllerId;
}

const RECORDS = { acks: 0, timeoutMs: 1000, topicData: [] };

test("requests are pipelined: all are there before the first is answered, and each gets its own answer", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      const asked: Asked[] = [];
      for (let i = 0; i < 10; i++) asked.push((await peer.next())!);
      assert.deepEqual(asked.map(({ correlationId }) => correlationId), [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
      assert.equal(asked[0]!.clientId, "tester");
      for (const [i, one] of asked.entries()) await number(peer, one, i);
      await peer.ignore();
    };
    await connected(world, script, async (connection) => {
      const answers = Array.from({ length: 10 }, () => ask(connection));
      assert.equal(connection.inFlight, 10);
      assert.deepEqual(await Promise.all(answers), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.equal(connection.inFlight, 0);
    }, { firstCorrelationId: 5 });
  });
});

test("what is asked for while a write is under way goes out in one write", async () => {
  await simulated(async (world) => {
    await connected(world, numbering(), async (connection, stage) => {
      const answers = await Promise.all(Array.from({ length: 100 }, () => ask(connection)));
      assert.equal(answers[99], 99);
      assert.equal(stage.writes, 2);
    });
  });
});

test("correlation ids wrap on a living connection", async () => {
  await simulated(async (world) => {
    await connected(world, numbering(), async (connection) => {
      assert.deepEqual(await Promise.all([ask(connection), ask(connection), ask(connection)]), [0, 1, 2]);
    }, { firstCorrelationId: 2 ** 31 - 2 });
  });
});

test("a body may wait for the version; a cap on the version is kept", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      const asked = await peer.expect(metadata, 4);
      await number(peer, asked, asked.version);
      await peer.ignore();
    };
    await connected(world, script, async (connection) => {
      const seen: number[] = [];
      const body = (version: number) => {
        seen.push(version);
        return { topics: null };
      };
      await connection.request(metadata, body, { timeoutMs: 1000, versionMax: 4 });
      assert.deepEqual(seen, [4]);
    });
  });
});

test("a request that cannot be made hurts nobody", async () => {
  await simulated(async (world) => {
    await connected(world, numbering(), async (connection) => {
      const first = ask(connection);
      const error = await failure(
        connection.request(metadata, { topics: 5 as unknown as null }, { timeoutMs: 1000 }),
        "INVALID_OPTION",
      );
      assert.equal(error.broker, LABEL);
      assert.include(error.message, "Metadata request v13, topics");
      const odd = await failure(
        connection.request(createTopics, { topics: [] }, { timeoutMs: 1000 }),
        "UNSUPPORTED_FEATURE",
      );
      assert.equal(odd.broker, LABEL);
      const own = new Error("the body's own");
      const thrown = connection.request(metadata, () => {
        throw own;
      }, { timeoutMs: 1000 });
      assert.equal(await rejection(thrown), own);
      assert.deepEqual([await first, await ask(connection)], [0, 1]);
    }, { ranges: { 3: [0, 13] } });
  });
});

test("a request that times out does not hurt its neighbours, and its late answer is swallowed", async () => {
  await simulated(async (world) => {
    await connected(
      world,
      numbering((nth) => nth === 0 ? world.sleep(1000) : Promise.resolve()),
      async (connection) => {
        const first = failure(ask(connection, 100), "REQUEST_TIMEOUT");
        const second = ask(connection, 10_000);
        const error = await first;
        assert.closeTo(world.now(), 100, 10);
        assert.equal(error.broker, LABEL);
        assert.equal(error.persisted, "possibly");
        assert.include(error.message, "peer:9092 did not answer Metadata v13 within 100 ms");
        assert.equal(connection.inFlight, 2, "the place stays");
        assert.equal(await second, 1);
        assert.closeTo(world.now(), 1000, 10);
        assert.equal(await ask(connection), 2);
      },
    );
  });
});

test("a request that is aborted does not hurt its neighbours, and leaves no listener", async () => {
  await simulated(async (world) => {
    await connected(
      world,
      numbering((nth) => nth === 0 ? world.sleep(1000) : Promise.resolve()),
      async (connection) => {
        const caller = new CountedSignal();
        const first = rejection(ask(connection, 30_000, caller.signal));
        const second = ask(connection);
        await world.sleep(10);
        caller.controller.abort("enough");
        assert.equal(await first, "enough");
        assert.equal(await second, 1);
        assert.equal(await rejection(ask(connection, 1000, caller.signal)), "enough");
        const patient = new CountedSignal();
        assert.equal(await ask(connection, 1000, patient.signal), 2);
        await world.sleep(1);
        assert.equal(patient.listeners, 0);
      },
    );
  });
});

test("deadlines are each request's own, whatever their order", async () => {
  await simulated(async (world) => {
    await connected(world, (peer) => peer.ignore(), async (connection) => {
      const ends: [number, number][] = [];
      const waits = [300, 100, 200, 400].map((timeoutMs) =>
        rejection(ask(connection, timeoutMs)).then(() => ends.push([timeoutMs, Math.round(world.now() / 10) * 10]))
      );
      await Promise.all(waits);
      assert.deepEqual(ends, [[100, 100], [200, 200], [300, 300], [400, 400]]);
    });
  });
});

test("a peer that falls silent is the connection's end, and everyone is told once and of one cause", async () => {
  await simulated(async (world) => {
    await connected(world, (peer) => peer.ignore(), async (connection) => {
      let closed = 0;
      connection.onClosed = () => closed++;
      const first = rejection(ask(connection, 1000));
      await world.sleep(500);
      const others = [ask(connection, 1000), ask(connection, 900)].map(rejection);
      assert.equal((await failure(first.then((error) => Promise.reject(error)), "REQUEST_TIMEOUT")).broker, LABEL);
      assert.closeTo(world.now(), 1000, 10);
      const [second, third] = await Promise.all(others);
      assert.equal(second, third);
      assert.equal(second, connection.error);
      assert.equal(connection.error!.code, "CONNECTION_CLOSED");
      assert.include(connection.error!.message, "has fallen silent");
      assert.equal(closed, 1);
      assert.equal(await rejection(ask(connection)), connection.error);
    });
  });
});

test("silence is found out also when every caller gives up before the request's own deadline", async () => {
  await simulated(async (world) => {
    await connected(world, (peer) => peer.ignore(), async (connection) => {
      for (let i = 0; i < 3; i++) {
        const caller = new AbortController();
        const wait = rejection(ask(connection, 1000, caller.signal));
        await world.sleep(300);
        caller.abort("enough");
        assert.equal(await wait, "enough");
      }
      assert.isUndefined(connection.error);
      await world.sleep(200);
      assert.equal(connection.error?.code, "CONNECTION_CLOSED");
    });
  });
});

test("a peer that is slow but not silent keeps its connection", async () => {
  await simulated(async (world) => {
    await connected(world, numbering(() => world.sleep(700)), async (connection) => {
      const waits = [1000, 1000, 1000, 5000].map((timeoutMs) =>
        ask(connection, timeoutMs).catch((error) => error.code)
      );
      assert.deepEqual(await Promise.all(waits), [0, "REQUEST_TIMEOUT", "REQUEST_TIMEOUT", 3]);
      assert.isUndefined(connection.error);
    });
  });
});

test("a late answer from the negotiation is swallowed", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.write(...encodeResponse(listGroups, 0, 1, { errorCode: 0, groups: [] }));
      await numbering()(peer, 0);
    };
    await connected(world, script, async (connection) => {
      assert.equal(await ask(connection), 0);
    }, { firstCorrelationId: 2, lateAnswer: 1 });
  });
});

test("an answer with a wrong correlation id ends the connection for all", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      const asked = (await peer.next())!;
      await number(peer, { ...asked, correlationId: 77 }, 0);
      await peer.ignore();
    };
    await connected(world, script, async (connection) => {
      const errors = await Promise.all([ask(connection), ask(connection), ask(connection)].map(rejection));
      for (const error of errors) assert.equal(error, connection.error);
      assert.equal(connection.error!.code, "PROTOCOL_ERROR");
      assert.equal(connection.error!.broker, LABEL);
      assert.include(connection.error!.message, "77 came where Metadata v13 (0) was due");
    });
  });
});

test("an answer that nobody asked for ends the connection", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 9));
      await peer.ignore();
    };
    await connected(world, script, async (connection) => {
      await world.sleep(1);
      assert.equal(connection.error?.code, "PROTOCOL_ERROR");
      assert.equal(await rejection(ask(connection)), connection.error);
    });
  });
});

test("an answer that cannot be read fails its request and all others with one cause", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.expect(metadata);
      await peer.write(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 0, 0, 9));
      await peer.ignore();
    };
    await connected(world, script, async (connection) => {
      const [first, second] = await Promise.all([ask(connection), ask(connection)].map(rejection));
      assert.equal(first, second);
      assert.equal(first, connection.error);
      assert.equal(connection.error!.code, "PROTOCOL_ERROR");
      assert.equal(connection.error!.broker, LABEL);
      assert.include(connection.error!.message, "Metadata response v13");
    });
  });
});

for (
  const [name, bytes, code] of [
    ["a negative length", [0xff, 0xff, 0xff, 0xff], "PROTOCOL_ERROR"],
    ["a length of 2 GB", [0x7f, 0xff, 0xff, 0xff], "FRAME_TOO_LARGE"],
    ["a torn frame", [0, 0, 0, 100, 1, 2, 3], "CONNECTION_RESET"],
    ["an end", [], "CONNECTION_CLOSED"],
  ] as const
) {
  test(`${name} in mid-stream fails what is in flight with ${code}`, async () => {
    await simulated(async (world) => {
      const script: Script = async (peer) => {
        await number(peer, (await peer.next())!, 0);
        await peer.next();
        await peer.write(Uint8Array.from(bytes));
      };
      await connected(world, script, async (connection) => {
        assert.equal(await ask(connection), 0);
        const errors = await Promise.all([failure(ask(connection), code), failure(ask(connection), code)]);
        assert.equal(errors[0], errors[1]);
        assert.equal(errors[0]!.broker, LABEL);
        assert.equal(errors[0]!.persisted, "possibly");
      });
    });
  });
}

test("closing fails what is in flight, tells once, and leaves nothing", async () => {
  await simulated(async (world) => {
    await connected(world, (peer) => peer.ignore(), async (connection) => {
      let closed = 0;
      connection.onClosed = () => closed++;
      const errors = [ask(connection), ask(connection)].map(rejection);
      const ends = [connection.close(), connection.close()];
      const [first, second] = await Promise.all(errors);
      await Promise.all(ends);
      assert.equal(first, second);
      assert.equal(connection.error!.code, "CONNECTION_CLOSED");
      assert.equal(closed, 1);
      assert.equal(connection.inFlight, 0);
      let told = false;
      connection.onClosed = () => told = true;
      assert.isTrue(told, "who asks later is told at once");
      await failure(connection.send(produce, RECORDS, { timeoutMs: 10 }), "CONNECTION_CLOSED");
    });
  });
});

test("a request without an answer resolves when it is written, and keeps its place in the stream", async () => {
  await simulated(async (world) => {
    const order: number[] = [];
    const script: Script = async (peer) => {
      for (let asked = await peer.next(); asked; asked = await peer.next()) {
        order.push(asked.apiKey);
        if (asked.apiKey === metadata.key) await number(peer, asked, 0);
      }
    };
    await connected(world, script, async (connection) => {
      const options = { timeoutMs: 1000 };
      const all = [
        connection.send(produce, RECORDS, options),
        ask(connection),
        connection.send(produce, RECORDS, options),
        ask(connection),
      ];
      assert.equal(connection.inFlight, 2);
      await Promise.all(all);
      assert.deepEqual(order, [produce.key, metadata.key, produce.key, metadata.key]);
    });
  });
});

/** A request that is larger than what a connection in memory holds unread. */
const LARGE = {
  ...RECORDS,
  topicData: [{ name: "t", partitionData: [{ index: 0, records: new Uint8Array(300_000) }] }],
};

test("a request without an answer that the peer does not take fails in time, and so does the connection", async () => {
  await simulated(async (world) => {
    const done = world.deferred<void>("the test");
    await connected(world, () => done.promise, async (connection) => {
      const options = { timeoutMs: 1000, versionMax: 9 };
      const caller = new AbortController();
      const aborted = rejection(connection.send(produce, LARGE, { ...options, signal: caller.signal }));
      const late = connection.send(produce, LARGE, options);
      caller.abort("enough");
      assert.equal(await aborted, "enough");
      const error = await failure(late, "REQUEST_TIMEOUT");
      assert.closeTo(world.now(), 1000, 10);
      assert.equal(error.broker, LABEL);
      assert.equal(connection.error, error);
      done.resolve();
    });
  });
});

test("one who waits for a write does not wait for those who come later", async () => {
  await simulated(async (world) => {
    let slow = true;
    const script: Script = async (peer) => {
      while (await peer.next()) if (slow) await world.sleep(100);
    };
    await connected(world, script, async (connection) => {
      const options = { timeoutMs: 60_000, versionMax: 9 };
      const ends: number[] = [];
      const sends = [0, 1, 2].map(async (i) => {
        await connection.send(produce, LARGE, options);
        ends[i] = world.now();
      });
      await sends[0];
      assert.isUndefined(ends[1]);
      const more = connection.send(produce, LARGE, options);
      await Promise.all(sends);
      slow = false;
      await more;
      assert.isBelow(ends[0]!, ends[1]!);
    });
  });
});

test("an answer with bytes in it outlives the reads that follow", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      for (let asked = await peer.next(), i = 1; asked; asked = await peer.next(), i++) {
        const records = new Uint8Array(30_000).fill(i);
        const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 0, records }];
        await peer.answer(fetch, asked, { responses: [{ topic: "t", partitions }] });
      }
    };
    await connected(world, script, async (connection) => {
      const body = { maxWaitMs: 0, minBytes: 0, topics: [] };
      const fetched: Uint8Array[] = [];
      for (let i = 0; i < 20; i++) {
        const { responses } = await connection.request(fetch, body, { timeoutMs: 1000, versionMax: 12 });
        fetched.push(responses[0]!.partitions[0]!.records!);
      }
      for (const [i, records] of fetched.entries()) assert.isTrue(records.every((byte) => byte === i + 1), `${i}`);
    });
  });
});

test("a late answer that cannot be read hurts nobody", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.next();
      await world.sleep(200);
      await peer.write(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 0, 0, 9));
      await number(peer, (await peer.next())!, 1);
      await peer.ignore();
    };
    await connected(world, script, async (connection) => {
      const late = failure(ask(connection, 100), "REQUEST_TIMEOUT");
      assert.equal(await ask(connection), 1);
      await late;
    });
  });
});

test("an idle connection has no deadline to keep", async () => {
  const ms = await simulated(async (world) => {
    await connected(world, numbering(), async (connection) => {
      for (let i = 0; i < 20; i++) {
        await ask(connection, 1000);
        await world.sleep(900);
      }
      assert.isUndefined(connection.error);
    });
  });
  assert.isBelow(ms, 19_000);
});
