/** What lies between a broker and the APIs that it answers: a call, its answer, and what a handler may ask of its broker. */

import type { World } from "../base/world.ts";
import type { Codecs } from "../records/compression.ts";
import type { Api, RequestOut, ResponseIn } from "../wire/schema.ts";
import type { Controller } from "./controller.ts";
import type { ProducerIds } from "./producer_ids.ts";
import type { ProducerRules } from "./producer_state.ts";
import type { Referee } from "./referee.ts";
import type { Release } from "./releases.ts";
import type { Replicator } from "./replicator.ts";

/** What a handler sees of the broker that it answers for. */
export interface Host {
  /** The broker's id. */
  readonly id: number;
  /** Its time and chance. */
  readonly world: World;
  /** Which release it is: in a rolling upgrade brokers differ. */
  readonly release: Release;
  /** What is true of the cluster, for those who may change it. */
  readonly controller: Controller;
  /** What this broker believes of the cluster, and has of its logs. */
  readonly replicas: Replicator;
  /** The codecs that it can open compressed records with. */
  readonly codecs: Codecs;
  /** How it minds producers. */
  readonly producerRules: ProducerRules;
  /** The producer ids that it hands out. */
  readonly producerIds: ProducerIds;
  /** Who watches the producers, in a strict cluster. */
  readonly referee: Referee | undefined;
  /** Whether it still runs. */
  readonly running: boolean;
  /** Resolves after `ms`, or earlier if something has happened that a waiting fetch may want to know. */
  news(ms: number): Promise<void>;
}

/** One request that came in. */
export interface Call<A extends Api> {
  /** The broker that was asked. */
  readonly host: Host;
  /** In which version. */
  readonly version: number;
  /** By whom, as it calls itself. */
  readonly clientId: string | null;
  /** What was asked; views in it hold only until the call is answered. */
  readonly body: RequestOut<A>;
}

/** A body to answer with; or nothing, with or without an end of the connection. */
export type Answer<A extends Api> = ResponseIn<A> | "drop" | "close";

/** How one API is answered. */
export interface Handler {
  /** Which API. */
  readonly api: Api;
  /** Answers a call. */
  readonly handle: (call: Call<Api>) => Promise<Answer<Api>>;
}

/** Ties an API to what answers it. Only the broker, which decodes by the same API, calls it; so the types may be forgotten. */
export function handler<A extends Api>(
  api: A,
  handle: (call: Call<A>) => Answer<A> | Promise<Answer<A>>,
): Handler {
  return { api, handle: async (call) => await handle(call as unknown as Call<A>) as Answer<Api> };
}
