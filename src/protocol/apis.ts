/** The table of the requests that are known here, by their keys. */

import type { Api } from "../wire/schema.ts";
import { apiVersions } from "./api_versions.ts";
import { createTopics } from "./create_topics.ts";
import { deleteTopics } from "./delete_topics.ts";
import { fetch } from "./fetch.ts";
import { findCoordinator } from "./find_coordinator.ts";
import { initProducerId } from "./init_producer_id.ts";
import { listGroups } from "./list_groups.ts";
import { listOffsets } from "./list_offsets.ts";
import { metadata } from "./metadata.ts";
import { offsetCommit } from "./offset_commit.ts";
import { offsetFetch } from "./offset_fetch.ts";
import { produce } from "./produce.ts";
import { saslAuthenticate } from "./sasl_authenticate.ts";
import { saslHandshake } from "./sasl_handshake.ts";

const all: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  initProducerId,
  saslAuthenticate,
];

/** Every API that is known here, by its key. */
export const apis: ReadonlyMap<number, Api> = new Map(all.map((api) => [api.key, api]));
