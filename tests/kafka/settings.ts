/** The settings that brokers and their ZooKeeper are started with. */

import { atLeast, withoutZooKeeper } from "./releases.ts";

/** Settings by name, as they stand in Kafka's files of properties. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

/** Where a broker has its place. */
export interface Place {
  readonly id: number;
  readonly port: number;
  /** The port on which it is a controller too, where there is no ZooKeeper. */
  readonly controllerPort: number;
  /** The folder of its log. */
  readonly folder: string;
}

/** As the text of a properties file. */
export function propertiesFile(settings: Settings): string {
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");
}

/** What a single server of ZooKeeper needs. */
export function zooKeeperSettings(port: number, folder: string): Settings {
  return {
    dataDir: folder,
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    tickTime: 1000,
    maxClientCnxns: 0,
    "admin.enableServer": false,
    "4lw.commands.whitelist": "*",
  };
}

/** Flags for ZooKeeper's JVM: no disk waits, and no class that our jars lack. */
export const zooKeeperFlags: readonly string[] = [
  "-Xmx96m",
  "-Dzookeeper.forceSync=no",
  "-Dzookeeper.admin.enableServer=false",
  "-Dzookeeper.4lw.commands.whitelist=*",
  "-Dzookeeper.jmx.log4j.disable=true",
];

/** What one of the brokers of a cluster needs. */
export function brokerSettings(
  release: string,
  place: Place,
  cluster: readonly Place[],
  zooKeeper: string | undefined,
): Settings {
  return {
    "log.dirs": place.folder,
    ...smallCluster(release, cluster.length),
    ...listeners(release, place),
    ...(zooKeeper === undefined ? quorum(place, cluster) : {
      "broker.id": place.id,
      "zookeeper.connect": zooKeeper,
      "zookeeper.session.timeout.ms": 4000, // a killed broker's partitions wait that long for another leader
    }),
  };
}

/** What differs from Kafka's defaults because the cluster is small, short-lived and tested. */
function smallCluster(release: string, brokers: number): Settings {
  const replicas = Math.min(3, brokers);
  const inSync = Math.min(2, brokers);
  const internal = (prefix: string): Settings => ({
    [`${prefix}.num.partitions`]: 4,
    [`${prefix}.replication.factor`]: replicas,
    [`${prefix}.min.isr`]: inSync,
  });
  return {
    "auto.create.topics.enable": false,
    "delete.topic.enable": true,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.cleaner.dedupe.buffer.size": 4 << 20,
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": replicas,
    // Else records with old timestamps are gone half a minute after the start.
    ...(atLeast(release, "0.10") && { "log.retention.ms": -1 }),
    ...(atLeast(release, "0.11") && { "group.initial.rebalance.delay.ms": 0, ...internal("transaction.state.log") }),
    ...(atLeast(release, "4.0") && internal("share.coordinator.state.topic")),
    ...(atLeast(release, "3.8") && !atLeast(release, "4.0") &&
      { "group.coordinator.rebalance.protocols": "classic,consumer" }),
  };
}

/** Where a broker listens, and what it tells others of that. */
function listeners(release: string, { port, controllerPort }: Place): Settings {
  if (!atLeast(release, "0.9")) {
    return { "host.name": "127.0.0.1", port, "advertised.host.name": "127.0.0.1", "advertised.port": port };
  }
  const clients = `PLAINTEXT://127.0.0.1:${port}`;
  if (!withoutZooKeeper(release)) return { listeners: clients, "advertised.listeners": clients };
  return {
    listeners: `${clients},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": clients,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
  };
}

/** Without ZooKeeper each broker is a controller too. */
function quorum({ id }: Place, cluster: readonly Place[]): Settings {
  return {
    "node.id": id,
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": cluster.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(),
    // A killed broker that comes back waits until its last session has ended.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
  };
}
