/** What a client gives to each of its producers and consumers. */

import type { Telemetry } from "../base/telemetry.ts";
import type { World } from "../base/world.ts";
import type { Codecs } from "../records/compression.ts";
import type { Cluster } from "./cluster.ts";
import type { BackoffSettings } from "./retry.ts";

/** What producers and consumers are made of. */
export interface ClientParts {
  /** Time, chance and waiting. */
  readonly world: World;
  /** The client's cluster, which they share. */
  readonly cluster: Cluster;
  /** Where to report to. */
  readonly telemetry: Telemetry;
  /** The codecs at hand. */
  readonly codecs: Codecs;
  /** How long to wait between tries. */
  readonly backoff: BackoffSettings;
  /** Milliseconds for the answer to one request. */
  readonly requestTimeoutMs: number;
  /** Called when it has been closed. */
  readonly onClosed: () => void;
}
