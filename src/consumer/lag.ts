/** How far a consumer is behind the end of the log. */

import type { Cluster } from "../cluster/cluster.ts";
import type { CommittedOffset } from "./group_offsets.ts";
import { offsetsOf, type Place } from "./offsets.ts";

/** Where a consumer is, or will be. */
export interface LagParts {
  readonly cluster: Cluster;
  readonly topic: string;
  readonly partitions: readonly number[];
  /** Where it is, by partition. */
  readonly positions: ReadonlyMap<number, number>;
  /** What its group has committed; undefined without a group. */
  readonly committed:
    | ((partitions: readonly number[], signal: AbortSignal) => Promise<ReadonlyMap<number, CommittedOffset>>)
    | undefined;
  /** Where it begins else. */
  readonly from: Place;
}

/** Offsets from the next one that is not finished to the end of the log, by partition. */
export async function lagOf(parts: LagParts, signal: AbortSignal): Promise<Map<number, number>> {
  const { cluster, topic, partitions, positions, committed, from } = parts;
  const unread = partitions.filter((partition) => !positions.has(partition));
  const known = unread.length > 0 ? await committed?.(unread, signal) : undefined;
  const fresh = unread.filter((partition) => !known?.has(partition));
  const starts = fresh.length > 0 && typeof from !== "number"
    ? await offsetsOf(cluster, topic, fresh, from, signal)
    : undefined;
  const ends = await offsetsOf(cluster, topic, partitions, "latest", signal);
  const placeOf = (partition: number) =>
    positions.get(partition) ?? known?.get(partition)?.offset ?? starts?.get(partition) ?? (from as number);
  return new Map([...ends].map(([partition, end]) => [partition, Math.max(0, end - placeOf(partition))]));
}
