/** What one broker believes of its cluster: who is there, which topics there are, and who leads what. */

import { errorNumbers } from "../base/error_codes.ts";

/** One broker, as clients see it. */
export interface Node {
  /** Its id. */
  readonly id: number;
  /** Where clients find it. */
  readonly host: string;
  /** Where clients find it. */
  readonly port: number;
  /** Whether it runs, as far as the controller has noticed. */
  readonly alive: boolean;
  /** Which release it is, or was when it ran. */
  readonly release: string;
}

/** A partition at one moment; what changes makes another. */
export interface PartitionState {
  /** Its number in the topic. */
  readonly index: number;
  /** Which brokers have it, the preferred leader first. */
  readonly replicas: readonly number[];
  /** Which of them are in sync: any of these has all that was ever committed. */
  readonly isr: readonly number[];
  /** Who leads it; -1 if nobody can. */
  readonly leader: number;
  /** How often the leader has changed. */
  readonly leaderEpoch: number;
  /** How often anything here has changed (KIP-497's partition epoch). */
  readonly version: number;
  /** How many of its leaders were elected though they were not in sync. */
  readonly uncleanElections: number;
}

/** A topic at one moment. */
export interface TopicState {
  /** Its name. */
  readonly name: string;
  /** Its id: another one if it is deleted and made again (KIP-516). */
  readonly id: string;
  /** Its partitions, by number. */
  readonly partitions: readonly PartitionState[];
  /** What was set for it at its making. */
  readonly configs: ReadonlyMap<string, string | null>;
}

/** The whole cluster at one moment. Nobody changes it any more, so brokers may hold on to an old one. */
export interface Picture {
  /** The brokers, by id. */
  readonly nodes: ReadonlyMap<number, Node>;
  /** The topics, by name, in the order in which they were made. */
  readonly topics: ReadonlyMap<string, TopicState>;
  /** The topics, by id. */
  readonly byId: ReadonlyMap<string, TopicState>;
  /** Which broker is the controller; -1 if none runs. */
  readonly controllerId: number;
}

/** The topic id that means none. */
export const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Before anything is known. */
export const nothingKnown: Picture = { nodes: new Map(), topics: new Map(), byId: new Map(), controllerId: -1 };

/** What a client wants of a partition. */
export interface Asked {
  /** Which broker it asks. */
  readonly broker: number;
  /** Which leader epoch it believes in; -1 if it does not say (KIP-320). */
  readonly epoch?: number | undefined;
  /** Whether any replica will do. */
  readonly follower?: boolean | undefined;
}

/** Why that broker is not the one to ask; undefined if it is (`ReplicaManager.getPartitionOrError`, `Partition.getLocalLog`). */
export function refusal(partition: PartitionState | undefined, asked: Asked): number | undefined {
  const { broker, epoch = -1, follower = false } = asked;
  if (!partition) return errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
  if (!partition.replicas.includes(broker)) return errorNumbers.NOT_LEADER_OR_FOLLOWER;
  if (epoch >= 0 && epoch < partition.leaderEpoch) return errorNumbers.FENCED_LEADER_EPOCH;
  if (epoch > partition.leaderEpoch) return errorNumbers.UNKNOWN_LEADER_EPOCH;
  if (partition.leader !== broker && !follower) return errorNumbers.NOT_LEADER_OR_FOLLOWER;
  return undefined;
}

/** Where those brokers are, each once; for hints at a new leader (KIP-951). */
export function endpoints(
  { nodes }: Picture,
  ids: Iterable<number>,
): { nodeId: number; host: string; port: number }[] {
  return [...new Set(ids)].flatMap((nodeId) => {
    const node = nodes.get(nodeId);
    return node ? [{ nodeId, host: node.host, port: node.port }] : [];
  });
}
