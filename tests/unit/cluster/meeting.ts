/** A cluster as the client sees it, over embedded brokers or scripted peers, in a made-up world. */

import { Telemetry } from "../../../src/base/telemetry.ts";
import type { World } from "../../../src/base/world.ts";
import { Cluster, type ClusterSettings } from "../../../src/cluster/cluster.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { Cluster as Embedded, type ClusterOptions } from "../../../src/testing/cluster.ts";
import type { Address } from "../../../src/transport/transport.ts";
import type { ResponseIn } from "../../../src/wire/schema.ts";
import { ADDRESS, type Asked, type Peer, type Script, Stage } from "../connection/peers.ts";

/** Settings as a client has them by default. */
export function settings(
  world: World,
  more: Pick<ClusterSettings, "dial" | "hosts"> & Partial<ClusterSettings>,
): ClusterSettings {
  return {
    world,
    telemetry: new Telemetry(world),
    clientId: "tester",
    tls: undefined,
    connectTimeoutMs: 10_000,
    frameBytesMax: 1 << 30,
    mapAddress: (host, port) => ({ host, port }),
    bootstrapTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    metadataMaxAgeMs: 300_000,
    connectionsMaxIdleMs: 240_000,
    backoffMs: 100,
    backoffMsMax: 1000,
    ...more,
  };
}

/** Where an embedded cluster's brokers are. */
export function hostsOf(embedded: Embedded): Address[] {
  return embedded.hosts.split(",").map((text) => {
    const [host, port] = text.split(":");
    return { host: host!, port: Number(port) };
  });
}

/** Starts brokers, finds them, and closes all at the end. */
export async function found(
  world: World,
  options: ClusterOptions,
  body: (cluster: Cluster, embedded: Embedded) => Promise<void>,
  more: Partial<ClusterSettings> = {},
): Promise<void> {
  const embedded = await Embedded.start({ world, ...options });
  const hosts = hostsOf(embedded);
  const cluster = await Cluster.connect(settings(world, { dial: embedded.dial, hosts, ...more }), undefined);
  await body(cluster, embedded);
  await cluster.close();
  await embedded.close();
}

/** Finds a cluster of one scripted broker, and closes all at the end. */
export async function scripted(
  world: World,
  script: Script,
  body: (cluster: Cluster, stage: Stage) => Promise<void>,
  more: Partial<ClusterSettings> = {},
): Promise<void> {
  const stage = new Stage(world);
  await stage.play(script);
  const { dial } = stage.network;
  const cluster = await Cluster.connect(settings(world, { dial, hosts: [ADDRESS], ...more }), undefined);
  await body(cluster, stage);
  await cluster.close();
  await stage.end();
}

/** A broker by script: greets, and answers each Metadata with what it is told to. */
export function broker(
  answer: (
    asked: Asked,
    nth: number,
    peer: Peer,
  ) => ResponseIn<typeof metadata> | undefined | Promise<ResponseIn<typeof metadata> | undefined>,
): Script {
  let nth = 0;
  return async (peer) => {
    for (let asked = await peer.next(); asked; asked = await peer.next()) {
      if (asked.apiKey === apiVersions.key) await peer.greet(asked);
      else if (asked.apiKey === listGroups.key) await peer.answer(listGroups, asked, { errorCode: 0, groups: [] });
      else if (asked.apiKey === metadata.key) {
        const body = await answer(asked, nth++, peer);
        if (body) await peer.answer(metadata, asked, body);
      }
    }
  };
}

/** What a cluster of one broker without topics says. */
export const ALONE: ResponseIn<typeof metadata> = {
  brokers: [{ nodeId: 1, host: "peer", port: 9092 }],
  clusterId: "c",
  controllerId: 1,
  topics: [],
};
