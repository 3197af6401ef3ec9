/**
 * Samsa on Deno: all of the core, and `connect` with Deno's sockets.
 *
 * @module
 */

import { KafkaClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import { dial } from "../transport/deno.ts";
import { codecs, prepare } from "./codecs.ts";

export * from "../../mod.ts";
export { dial, listen } from "../transport/deno.ts";
export { codecs } from "./codecs.ts";

/** Finds a cluster over Deno's sockets; see {@linkcode KafkaClient.connect}. */
export function connect(options: ConnectOptions): Promise<KafkaClient> {
  prepare();
  return KafkaClient.connect({ ...options, dial, codecs: { ...codecs, ...options.codecs } });
}
