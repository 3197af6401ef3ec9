/** Which broker keeps a group, or a transactional id: looked up once for all who ask, and kept until it turns out to be wrong. */

import { errorNumbers } from "../base/error_codes.ts";
import { abortable } from "../base/async.ts";
import { KafkaError, ownErrors } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import { findCoordinator } from "../protocol/find_coordinator.ts";
import type { Api, Request, Response } from "../wire/schema.ts";

/** Asks any broker. */
export type AskAny = (
  api: typeof findCoordinator,
  body: (version: number) => Request<typeof findCoordinator>,
) => Promise<Response<typeof findCoordinator>>;

/** From this version on several keys are asked about at once (KIP-699). */
const BY_KEYS = 4;

/** What has a coordinator. */
export type Coordinated = { readonly group: string } | { readonly transactionalId: string };

/** Whom the key names, its type on the wire (KIP-98), and what errors call it. */
function keyOf(of: Coordinated): { readonly key: string; readonly keyType: number; readonly label: string } {
  if ("group" in of) return { key: of.group, keyType: 0, label: `the group ${of.group}` };
  return { key: of.transactionalId, keyType: 1, label: `the transactional id ${of.transactionalId}` };
}

/** The coordinators of groups and transactional ids, as far as they are known; each by its label. */
export class Coordinators {
  readonly #world: World;
  readonly #ask: AskAny;
  readonly #known = new Map<string, number>();
  readonly #asking = new Map<string, Promise<number>>();

  /** Nothing is known yet. */
  constructor(world: World, ask: AskAny) {
    this.#world = world;
    this.#ask = ask;
  }

  /**
   * The id of the broker that keeps it, asked for once if it is not known: `COORDINATOR_NOT_AVAILABLE`, which may heal, or what else
   * a broker says. An abort ends the wait of its own caller.
   */
  of(of: Coordinated, signal: AbortSignal | undefined): Promise<number> {
    const { label } = keyOf(of);
    const known = this.#known.get(label);
    if (known !== undefined) return Promise.resolve(known);
    let asking = this.#asking.get(label);
    if (!asking) {
      asking = this.#find(of);
      this.#asking.set(label, asking);
      const over = () => this.#asking.delete(label);
      asking.then(over, over);
    }
    return abortable(this.#world, `coordinator of ${label}`, asking, signal);
  }

  /** The broker keeps it no longer, or does not answer: the next one who asks has it looked up anew. */
  forget(of: Coordinated, broker: number): void {
    const { label } = keyOf(of);
    if (this.#known.get(label) === broker) this.#known.delete(label);
  }

  async #find(of: Coordinated): Promise<number> {
    const { key: wanted, keyType, label } = keyOf(of);
    const body = (version: number) =>
      version < BY_KEYS ? { key: wanted, keyType } : { coordinatorKeys: [wanted], keyType };
    const answer = await this.#ask(findCoordinator, body);
    const found = answer.coordinators.find(({ key }) => key === wanted) ?? answer;
    if (found.errorCode !== errorNumbers.NONE) {
      throw KafkaError.ofBroker(found.errorCode, `${label}${found.errorMessage ? `: ${found.errorMessage}` : ""}`);
    }
    if (found.nodeId < 0) throw KafkaError.ofBroker(errorNumbers.COORDINATOR_NOT_AVAILABLE, label);
    this.#known.set(label, found.nodeId);
    return found.nodeId;
  }
}

/** What is needed to ask a coordinator; a `Cluster` is one. */
export interface CoordinatedCluster {
  /** The coordinators. */
  readonly coordinators: Coordinators;
  /** Asks a broker once. */
  request<A extends Api>(
    target: { readonly broker: number },
    api: A,
    body: (version: number) => Request<A>,
    options: { readonly signal: AbortSignal; readonly versionMax?: number | undefined },
  ): Promise<Response<A>>;
  /** Does something again until it goes well, the error is one that does not heal, or the signal aborts. */
  retrying<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** What a group's coordinator is asked. */
export interface CoordinatorRequest<A extends Api> {
  readonly group: string;
  readonly api: A;
  /** Made anew for each try, in the version that the coordinator speaks. */
  readonly body: (version: number) => Request<A>;
  /** The highest version to use, asked anew for each try. */
  readonly versionMax?: (() => number | undefined) | undefined;
  /** Looks at the answer, and throws what is wrong with it: what may heal is tried again, elsewhere if the group has moved. */
  readonly take: (answer: Response<A>) => void;
}

/**
 * Asks a group's coordinator, again until it goes well, something does not heal, or the signal aborts. Whoever says that it is not
 * the coordinator, or does not answer at all, is not asked again before the group has been looked up anew.
 */
export function askCoordinator<A extends Api>(
  cluster: CoordinatedCluster,
  { group, api, body, versionMax, take }: CoordinatorRequest<A>,
  signal: AbortSignal,
): Promise<void> {
  const { coordinators } = cluster;
  return cluster.retrying(async () => {
    const broker = await coordinators.of({ group }, signal);
    try {
      take(await cluster.request({ broker }, api, body, { signal, versionMax: versionMax?.() }));
    } catch (error) {
      if (hasMoved(error)) coordinators.forget({ group }, broker);
      throw error;
    }
  }, signal);
}

function hasMoved(error: unknown): boolean {
  if (!(error instanceof KafkaError)) return false;
  const { code } = error;
  return code === "NOT_COORDINATOR" || code === "COORDINATOR_NOT_AVAILABLE" || Object.hasOwn(ownErrors, code);
}
