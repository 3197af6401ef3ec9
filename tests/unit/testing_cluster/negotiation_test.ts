/** How embedded brokers of each release meet requests that they know, and those that they do not. */

import { assert } from "chai";
import { Writer } from "../../../src/bytes/writer.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { correlationIdOf, decodeResponse } from "../../../src/protocol/message.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { releaseNames } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { batch, Line, onLine, record } from "./line.ts";

const SOFTWARE = { clientSoftwareName: "line", clientSoftwareVersion: "1.0" };

/** A request with a head and no body, of any key and version. */
function bare(key: number, version: number, correlationId: number): Uint8Array[] {
  const writer = new Writer();
  writer.int32(10);
  writer.int16(key);
  writer.int16(version);
  writer.int32(correlationId);
  writer.int16(-1);
  return writer.finish();
}

for (const release of releaseNames.slice(2)) {
  test(`release ${release} lists what it speaks, in every version of ApiVersions that it has`, async () => {
    await onLine(await Cluster.start({ release }), async (line) => {
      const { apiKeys } = await line.ask(apiVersions, 0, {});
      const own = apiKeys.find(({ apiKey }) => apiKey === 18)!;
      for (let version = 0; version <= own.maxVersion; version++) {
        const answer = await line.ask(apiVersions, version, SOFTWARE);
        assert.equal(answer.errorCode, 0);
        assert.deepEqual(answer.apiKeys, apiKeys);
      }
    });
  });
}

test("an unknown version of ApiVersions is answered in version 0, with a hint since 2.4", async () => {
  for (
    const [release, hint] of [["0.10.2.2", []], ["1.1", []], ["2.8.2", [{
      apiKey: 18,
      minVersion: 0,
      maxVersion: 3,
    }]]] as const
  ) {
    await onLine(await Cluster.start({ release }), async (line) => {
      await line.transport.write(bare(18, 9, 5));
      const frame = await line.frame();
      assert.equal(correlationIdOf(frame!), 5);
      const answer = decodeResponse(apiVersions, 0, frame!);
      assert.equal(answer.errorCode, 35);
      assert.deepEqual(answer.apiKeys, [...hint]);
      assert.equal((await line.ask(apiVersions, 0, {})).errorCode, 0);
    });
  }
});

test("a broker of 0.8 hangs up on ApiVersions", async () => {
  await onLine(await Cluster.start({ release: "0.8.2.2" }), async (line) => {
    assert.equal(await line.tryAsk(apiVersions, 0, {}), "closed");
  });
});

test("a broker of 0.9 is silent to ApiVersions and answers what comes after it", async () => {
  await onLine(await Cluster.start({ release: "0.9.0.1" }), async (line) => {
    await line.send(apiVersions, 3, SOFTWARE);
    const id = await line.send(listGroups, 0, {});
    assert.equal(correlationIdOf((await line.frame())!), id);
    const brokers = (await line.ask(metadata, 0, { topics: [] })).brokers;
    assert.deepEqual(brokers.map(({ nodeId }) => nodeId), [1]);
  });
});

test("unknown keys and versions end the connection", async () => {
  const cluster = await Cluster.start({ release: "2.8.2" });
  for (const [key, version] of [[3, 12], [0, 10], [999, 0], [18, -1]] as const) {
    const line = await Line.to(cluster);
    await line.transport.write(bare(key, version, 1));
    const frame = await line.frame();
    if (key === 18) assert.equal(decodeResponse(apiVersions, 0, frame!).errorCode, 35);
    else assert.isUndefined(frame, `${key} v${version}`);
    line.close();
  }
  await cluster.close();
});

test("a 4.x broker lists Produce from version 0 on and takes it from version 3 on", async () => {
  await onLine(await Cluster.start({ release: "4.0", topics: { t: {} } }), async (line) => {
    const { apiKeys } = await line.ask(apiVersions, 0, {});
    assert.deepEqual(apiKeys.find(({ apiKey }) => apiKey === 0), { apiKey: 0, minVersion: 0, maxVersion: 12 });
    const partitionData = [{ index: 0, records: await batch(1, [record("a")]) }];
    const body = { acks: 1, timeoutMs: 1000, topicData: [{ name: "t", partitionData }] };
    assert.equal(await line.tryAsk(produce, 2, body), "closed");
  });
});

test("a client's software has to have a decent name", async () => {
  await onLine(await Cluster.start(), async (line) => {
    for (const clientSoftwareName of ["", "-x", "x-", "a b", "ä"]) {
      const { errorCode, apiKeys } = await line.ask(apiVersions, 3, { ...SOFTWARE, clientSoftwareName });
      assert.deepEqual([errorCode, apiKeys], [42, []], clientSoftwareName);
    }
    assert.equal((await line.ask(apiVersions, 3, { ...SOFTWARE, clientSoftwareVersion: "1 beta" })).errorCode, 42);
  });
});

test("ApiVersions version 5 finds out that another cluster or broker was meant", async () => {
  const cluster = await Cluster.start();
  await onLine(cluster, async (line) => {
    const ask = async (clusterId: string | null, nodeId: number) =>
      (await line.ask(apiVersions, 5, { ...SOFTWARE, clusterId, nodeId })).errorCode;
    assert.equal(await ask(null, -1), 0);
    assert.equal(await ask(cluster.clusterId, 1), 0);
    assert.equal(await ask("another", 1), 129);
    assert.equal(await ask(cluster.clusterId, 2), 129);
  });
});

test("what is no request ends the connection", async () => {
  const cluster = await Cluster.start();
  const junk: Record<string, number[]> = {
    "a negative size": [0xff, 0xff, 0xff, 0xff],
    "a size of 2 GB": [0x7f, 0xff, 0xff, 0xff],
    "no head": [0, 0, 0, 3, 0, 18, 0],
    "a torn body": [0, 0, 0, 11, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0],
    "HTTP": [...new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
  };
  for (const [name, bytes] of Object.entries(junk)) {
    const line = await Line.to(cluster);
    await line.transport.write([Uint8Array.from(bytes)]);
    assert.isUndefined(await line.frame(), name);
    line.close();
  }
  await cluster.close();
});

test("requests of one connection are answered in their order", async () => {
  await onLine(await Cluster.start({ topics: { t: {} } }), async (line) => {
    const sent: number[] = [];
    for (let i = 0; i < 20; i++) sent.push(await line.send(metadata, 12, { topics: null }));
    const answered: number[] = [];
    for (let i = 0; i < 20; i++) answered.push(correlationIdOf((await line.frame())!));
    assert.deepEqual(answered, sent);
  });
});
