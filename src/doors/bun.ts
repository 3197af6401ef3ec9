/**
 * Samsa on Bun: all of the core, and `connect` with Bun's sockets.
 *
 * @module
 */

import { KafkaClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import type { BridgeServer, BridgeServerOptions } from "../transport/bridge.ts";
import { dial } from "../transport/bun.ts";
import { serveBridgeOnBun } from "./bridge_bun.ts";
import { codecs, prepare } from "./codecs.ts";

export * from "../../mod.ts";
export { dial, listen } from "../transport/bun.ts";
export { codecs } from "./codecs.ts";
export type { BridgeOptions, BridgeServer, BridgeServerOptions } from "../transport/bridge.ts";

/** Finds a cluster over Bun's sockets; see {@linkcode KafkaClient.connect}. */
export function connect(options: ConnectOptions): Promise<KafkaClient> {
  prepare();
  return KafkaClient.connect({ ...options, dial, codecs: { ...codecs, ...options.codecs } });
}

/**
 * Serves a bridge, through which pages reach brokers (`@samsa/kafka/websocket`). It forwards only to what `allow` names.
 * Rejects with `INVALID_OPTION`, which a port that is taken is too; with `TLS_FAILED` if `listenTls` is no pair.
 */
export function serveBridge(options: BridgeServerOptions): Promise<BridgeServer> {
  return serveBridgeOnBun(options, dial);
}
