/** What a strict cluster holds against clients, and what it does not: the network may lose, double and delay whatever it likes. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { encodeRequest } from "../../../src/protocol/message.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { recordsBuilder } from "../../../src/records/builder.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { concat, Line, record } from "./line.ts";

interface Numbers {
  readonly id?: number;
  readonly epoch?: number;
  readonly sequence: number;
  readonly count?: number;
  readonly text?: string;
}

function numbered({ id = 7, epoch = 0, sequence, count = 1, text = "v" }: Numbers): Uint8Array {
  const builder = recordsBuilder(2);
  for (let i = 0; i < count; i++) builder.append(record(text));
  const options = { compression: "none" as const, codecs: {}, producerId: id, producerEpoch: epoch };
  return (builder.build({ ...options, baseSequence: sequence }) as Uint8Array).slice();
}

function body(records: Uint8Array, acks = -1) {
  return { acks, timeoutMs: 1000, topicData: [{ name: "t", partitionData: [{ index: 0, records }] }] };
}

async function put(line: Line, numbers: Numbers, version = 5): Promise<number> {
  return (await line.ask(produce, version, body(numbered(numbers)))).responses[0]!.partitionResponses[0]!.errorCode;
}

/** What a strict cluster says at its end of what a client did there; a cluster that is not strict says nothing. */
async function verdictOn(
  misdeed: (line: Line, cluster: Cluster) => Promise<void>,
  options: ClusterOptions = {},
): Promise<string> {
  const verdicts: string[] = [];
  for (const strict of [true, false]) {
    const cluster = await Cluster.start({ brokers: 2, topics: { t: { replicationFactor: 2 } }, ...options, strict });
    const line = await Line.to(cluster, cluster.partition("t", 0).leader);
    await misdeed(line, cluster);
    line.close();
    verdicts.push(
      await cluster.close().then(() => "", (error: KafkaError) => {
        assert.equal(error.code, "PROTOCOL_ERROR");
        return error.message;
      }),
    );
  }
  assert.equal(verdicts[1], "");
  return verdicts[0]!;
}

test("other bytes under sequences that were stored are a fault", async () => {
  const other = await verdictOn(async (line) => {
    assert.equal(await put(line, { sequence: 0, count: 2 }), 0);
    assert.equal(await put(line, { sequence: 0, count: 2, text: "w" }), 0, "real brokers take it for the same");
  });
  assert.include(
    other,
    "producer 7, epoch 0, with 2 records from sequence 0 is not what was stored under its sequences",
  );
  const cut = await verdictOn(async (line) => {
    await put(line, { sequence: 0, count: 4 });
    await put(line, { sequence: 2, count: 2 });
  });
  assert.include(cut, "is not what was stored");
  const moved = await verdictOn(async (line, cluster) => {
    const { leader } = cluster.partition("t", 0);
    assert.equal(await put(line, { sequence: 0 }), 0);
    cluster.moveLeader("t", 0, 3 - leader);
    const next = await Line.to(cluster, 3 - leader);
    await put(next, { sequence: 0, text: "w" });
    next.close();
  });
  assert.include(moved, "is not what was stored");
});

test("a batch before the one in front of it was sent is a fault", async () => {
  const gap = await verdictOn(async (line) => {
    assert.equal(await put(line, { sequence: 0, count: 3 }), 0);
    assert.equal(await put(line, { sequence: 4 }), 45);
  });
  assert.include(gap, "from sequence 4 came before sequence 3 had been sent");
});

test("an epoch that does not begin with 0 is a fault", async () => {
  const verdict = await verdictOn(async (line) => {
    assert.equal(await put(line, { sequence: 0 }), 0);
    assert.equal(await put(line, { epoch: 1, sequence: 1 }), 45);
  });
  assert.include(verdict, "epoch 1, with 1 records from sequence 1 is the first of its epoch");
});

test("more than five batches in flight are a fault, five are none", async () => {
  for (const count of [5, 6]) {
    const verdict = await verdictOn(async (line) => {
      const requests = Array.from(
        { length: count },
        (_, sequence) =>
          encodeRequest(produce, 5, { correlationId: sequence, clientId: null }, body(numbered({ sequence }))),
      );
      await line.transport.write([concat(...requests.flat())]);
      for (let i = 0; i < count; i++) await line.frame();
    });
    assert.equal(verdict.includes("more than 5 batches of producer 7 are in flight"), count > 5, verdict);
  }
});

test("a fault is told at the end, even if the broker that saw it is gone", async () => {
  const verdict = await verdictOn(async (line, cluster) => {
    await put(line, { sequence: 0 });
    await put(line, { sequence: 2 });
    await cluster.kill(cluster.partition("t", 0).leader);
  });
  assert.include(verdict, "came before sequence 1 had been sent");
});

test("metadata may be asked for a hundred times a second", async () => {
  for (const count of [100, 101]) {
    const verdict = await verdictOn(async (line) => {
      for (let i = 0; i < count; i++) await line.ask(metadata, 9, { topics: [] });
    });
    assert.equal(verdict.includes("asked for metadata more than 100 times within a second"), count > 100);
  }
});

test("what the broker does not list or cannot read is a fault", async () => {
  const unlisted = await verdictOn(async (line) => {
    assert.equal(await line.tryAsk(metadata, 12, { topics: null }), "closed");
  }, { release: "2.8.2" });
  assert.include(unlisted, "asked for version 12 of API 3, which it does not list");
  const long = await verdictOn(async (line) => {
    const request = concat(
      ...encodeRequest(metadata, 5, { correlationId: 1, clientId: null }, { topics: [] }),
      Uint8Array.of(1),
    );
    new DataView(request.buffer).setInt32(0, request.length - 4);
    await line.transport.write([request]);
    await line.frame(); // who is not strict answers, as real brokers do
  });
  assert.include(long, "1 bytes follow its end");
  const large = await verdictOn(async (line) => {
    await line.transport.write([Uint8Array.of(0x7f, 0, 0, 0)]);
    assert.isUndefined(await line.frame());
  });
  assert.include(large, "a frame of 2130706432 bytes is announced");
  const guessed = await verdictOn(async (line) => void await line.tryAsk(metadata, 5, { topics: [] }), {
    release: "0.8.2.2",
  });
  assert.equal(guessed, "", "who cannot be asked is found out by failure");
});

test("retries, late copies, refusals, halves and new epochs are none", async () => {
  const verdict = await verdictOn(async (line, cluster) => {
    assert.equal(await put(line, { sequence: 0 }), 0);
    assert.equal(await put(line, { sequence: 0 }), 0, "again, since the answer was lost");
    cluster.control(produce, ({ body: { topicData } }) => ({
      responses: topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: 19, baseOffset: -1 })),
      })),
      throttleTimeMs: 0,
    }));
    assert.equal(await put(line, { sequence: 1 }), 19, "refused, and what was behind it is out of order");
    assert.equal(await put(line, { sequence: 2 }), 45);
    assert.equal(await put(line, { sequence: 1 }), 0);
    assert.equal(await put(line, { sequence: 2 }), 0);
    assert.equal(await put(line, { sequence: 3, count: 600, text: "long".repeat(500) }), 10);
    assert.equal(await put(line, { sequence: 3, count: 2, text: "half" }), 0, "too large: in halves");
    assert.equal(await put(line, { epoch: 1, sequence: 0 }), 0);
    assert.equal(await put(line, { sequence: 3, count: 2, text: "half" }), 47, "a late copy of the old epoch");
    assert.equal(await put(line, { epoch: 1, sequence: 1 }), 0);
    cluster.deleteTopic("t");
    await cluster.createTopic("t", { replicationFactor: 2 });
    const next = await Line.to(cluster, cluster.partition("t", 0).leader);
    assert.equal(await put(next, { epoch: 1, sequence: 2 }), 0, "another topic of that name");
    assert.equal(await put(next, { id: 8, sequence: 0x7fffffff, count: 2 }), 0);
    assert.equal(await put(next, { id: 8, sequence: 1 }), 0, "round the end");
    next.close();
  });
  assert.equal(verdict, "");
});

test("a producer that the broker has forgotten begins anew under its epoch, before 2.5", async () => {
  const verdict = await verdictOn(async (line, cluster) => {
    for (const sequence of [0, 1]) assert.equal(await put(line, { sequence }), 0);
    cluster.deleteRecords("t", 0, 2);
    assert.equal(await put(line, { sequence: 2 }), 59);
    assert.equal(await put(line, { sequence: 0, text: "anew" }), 0);
    assert.equal(await put(line, { sequence: 1, text: "anew" }), 0);
  }, { release: "1.1" });
  assert.equal(verdict, "");
});
