/**
 * Samsa on Bun: all of the core, and `connect` with Bun's sockets.
 *
 * @module
 */

import { KafkaClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import { dial } from "../transport/bun.ts";
import { codecs, prepare } from "./codecs.ts";

export * from "../../mod.ts";
export { dial, listen } from "../transport/bun.ts";
export { codecs } from "./codecs.ts";

/** Finds a cluster over Bun's sockets; see {@linkcode KafkaClient.connect}. */
export function connect(options: ConnectOptions): Promise<KafkaClient> {
  prepare();
  return KafkaClient.connect({ ...options, dial, codecs: { ...codecs, ...options.codecs } });
}
