/**
 * Samsa on Node: all of the core, and `connect` with Node's sockets.
 *
 * @module
 */

import { KafkaClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import { dial } from "../transport/node.ts";
import { codecs, prepare } from "./codecs.ts";

export * from "../../mod.ts";
export { dial, listen } from "../transport/node.ts";
export { codecs } from "./codecs.ts";

/** Finds a cluster over Node's sockets; see {@linkcode KafkaClient.connect}. */
export function connect(options: ConnectOptions): Promise<KafkaClient> {
  prepare();
  return KafkaClient.connect({ ...options, dial, codecs: { ...codecs, ...options.codecs } });
}
