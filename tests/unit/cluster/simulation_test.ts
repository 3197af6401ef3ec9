/** The cluster over a network that is late, chops, stalls and cuts: whatever the seed, calls end, heal, and leave nothing. */

import { assert } from "chai";
import { Admin } from "../../../src/admin/admin.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { Cluster as Embedded } from "../../../src/testing/cluster.ts";
import { dialOf, Network } from "../../../src/testing/network.ts";
import { releaseNames } from "../../../src/testing/releases.ts";
import { type Report, SimulatedWorld } from "../../../src/testing/world.ts";
import { test } from "../../harness.ts";
import { hostsOf, settings } from "./meeting.ts";

const SEEDS = 40;

function run(seed: number): Promise<Report> {
  const world = new SimulatedWorld(seed);
  const network = new Network(world);
  const client = world.process("client");
  const chance = world.chance.fork("scenario");
  return world.run(async () => {
    // Topics are made by a request from 0.10.1 on.
    const release = chance.pick(releaseNames.slice(2));
    const topics = { t: { partitions: 2, replicationFactor: 3 } };
    const embedded = await Embedded.start({ brokers: 3, release, simulation: { world, network }, topics });
    const hosts = [{ host: "nobody", port: 1 }, ...hostsOf(embedded)];
    const cluster = await Cluster.connect(settings(client, { dial: dialOf(network, client), hosts }), undefined);
    const admin = new Admin(cluster, 30_000);
    const victim = 1 + chance.below(3);
    const faults = (async () => {
      await client.sleep(chance.below(200));
      for (const link of [...network.links]) if (chance.once(3)) chance.pick([link.client, link.server]).close();
      await embedded.kill(victim);
      await client.sleep(chance.below(3000));
      await embedded.start(victim);
    })();
    for (const name of ["a", "b", "c"]) {
      await admin.createTopic(name, { partitions: 2 });
      assert.lengthOf((await cluster.topic(name, undefined)).partitions, 2);
      if (chance.once(2)) cluster.lookAgain();
      await client.sleep(chance.below(500));
    }
    await faults;
    await admin.deleteTopic("b");
    const ending = cluster.topic("nobody", undefined).catch((error) => error.code);
    if (chance.once(2)) await client.sleep(chance.below(300));
    await cluster.close();
    assert.include(["CLOSED", "UNKNOWN_TOPIC_OR_PARTITION"], await ending);
    await embedded.close();
  }, 600_000);
}

test("a cluster is found, used through a broker's death and left, on whatever network", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await run(seed);
    assert.isUndefined(report.failure, `seed ${seed}: ${report.failure}`);
    if (seed % 8 === 0) assert.deepEqual(await run(seed), report, `seed ${seed} again`);
  }
});
