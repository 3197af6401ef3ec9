/**
 * Samsa in a page, or wherever there is a WebSocket and nothing else: all of the core, and `connect` through a bridge.
 *
 * @module
 */

import { KafkaError } from "../base/errors.ts";
import { KafkaClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import { webSocketDial } from "../transport/websocket.ts";
import { codecs } from "./web_codecs.ts";

export * from "../../mod.ts";
export { accelerateCrc32c } from "../bytes/crc32c.ts";
export { webSocketDial } from "../transport/websocket.ts";
export { codecs } from "./web_codecs.ts";

/** The options of a client that reaches its brokers through a bridge. */
export interface WebSocketConnectOptions extends ConnectOptions {
  /** The bridge's URL: `wss://…`, `ws://…`, or in a page a path on its own host, like `/bridge`. */
  readonly bridge: string;
}

/**
 * Finds a cluster through a bridge (`serveBridge` of the other doors is one); see {@linkcode KafkaClient.connect}. `hosts`, and the
 * addresses by which brokers call themselves, are as the bridge sees them. Nothing needs more of a content security policy than
 * `connect-src` for the bridge: who allows WebAssembly may call {@linkcode accelerateCrc32c}.
 */
export async function connect(options: WebSocketConnectOptions): Promise<KafkaClient> {
  const { bridge, ...others } = options;
  if (typeof bridge !== "string") {
    throw new KafkaError("INVALID_OPTION", 'connect: bridge is missing; it must be a URL like "wss://host/bridge"');
  }
  return await KafkaClient.connect({
    ...others,
    dial: webSocketDial(bridge),
    codecs: { ...codecs, ...options.codecs },
  });
}
