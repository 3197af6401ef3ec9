/** When a produce request with `acks=-1` is answered: once all replicas in sync have what it brought, or when it is too late. */

import { errorNumbers } from "../base/error_codes.ts";
import type { Host } from "./call.ts";
import type { Replica } from "./replica.ts";

/** What was appended and not answered yet. */
export interface Appended {
  /** To what. */
  readonly replica: Replica;
  /** Under which leader. */
  readonly leaderEpoch: number;
  /** Behind its last record. */
  readonly endOffset: number;
  /** So many replicas have to be in sync. */
  readonly inSyncMin: number;
  /** What is told to the client if it comes to that. */
  readonly failed: (errorCode: number) => void;
}

/**
 * Waits until each of them is committed or never will be under this leader, and at most `timeoutMs`
 * (`DelayedProduce`, `Partition.checkEnoughReplicasReachOffset`).
 */
export async function acknowledged(host: Host, appended: readonly Appended[], timeoutMs: number): Promise<void> {
  let open = appended;
  const endsAt = host.world.now() + timeoutMs;
  for (;;) {
    open = open.filter((one) => !isOver(host, one));
    const leftMs = endsAt - host.world.now();
    if (open.length === 0 || !host.running) return;
    if (leftMs <= 0) break;
    await host.news(leftMs);
  }
  for (const { failed } of open) failed(errorNumbers.REQUEST_TIMED_OUT);
}

function isOver(host: Host, { replica, leaderEpoch, endOffset, inSyncMin, failed }: Appended): boolean {
  const topic = host.replicas.picture.byId.get(replica.topicId);
  if (!topic) {
    failed(errorNumbers.UNKNOWN_TOPIC_OR_PARTITION);
    return true;
  }
  if (replica.leaderEpoch !== leaderEpoch || !replica.isLeader) {
    failed(errorNumbers.NOT_LEADER_OR_FOLLOWER);
    return true;
  }
  if (replica.log.highWatermark < endOffset) return false;
  if (replica.isr.length < inSyncMin) failed(errorNumbers.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
  return true;
}
