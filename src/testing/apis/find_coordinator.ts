/**
 * FindCoordinator, answered as brokers do.
 *
 * - The first that anybody asks makes the topic that offsets are kept in: the answer is COORDINATOR_NOT_AVAILABLE, as it is while
 *   that topic has no leaders yet. Here it is there for the next one that asks.
 * - A group's coordinator is the same while it lives; when it dies, the next broker takes over, with all that was committed.
 * - Version 0 knows groups only; later ones name the type of the key. Transactional ids (1) and share groups (2) have no coordinator
 *   here: INVALID_REQUEST. From version 4 on each of several keys has its own answer (KIP-699).
 * - Where nothing is wrong the message says `NONE` up to version 3, and nothing later (seen on 2.8.2 and 4.4.0).
 */

import { findCoordinator } from "../../protocol/find_coordinator.ts";
import { type Answer, type Call, type Handler, handler, type Host } from "../call.ts";
import { errorNumbers } from "../../base/error_codes.ts";

const GROUP = 0;

/** Answers FindCoordinator. */
export const findCoordinatorHandler: Handler = handler(findCoordinator, answer);

interface Found {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

function answer({ host, version, body }: Call<typeof findCoordinator>): Answer<typeof findCoordinator> {
  const found = find(host, body.keyType);
  if (version >= 4) return { coordinators: body.coordinatorKeys.map((key) => ({ key, ...found(key) })) };
  const one = found(body.key);
  return one.errorCode === errorNumbers.NONE ? { ...one, errorMessage: "NONE" } : one;
}

function find({ controller }: Host, keyType: number): (key: string) => Found {
  const isFirst = !controller.hasOffsets;
  if (keyType === GROUP) controller.hasOffsets = true;
  return (key) => {
    if (keyType !== GROUP) return failed(errorNumbers.INVALID_REQUEST, `keys of type ${keyType} are not known here`);
    const node = controller.nodes.get(controller.coordinatorOf(key) ?? -1);
    if (isFirst || !node) return failed(errorNumbers.COORDINATOR_NOT_AVAILABLE, "The coordinator is not available.");
    return { errorCode: errorNumbers.NONE, errorMessage: "", nodeId: node.id, host: node.host, port: node.port };
  };
}

function failed(errorCode: number, errorMessage: string): Found {
  return { errorCode, errorMessage, nodeId: -1, host: "", port: -1 };
}
