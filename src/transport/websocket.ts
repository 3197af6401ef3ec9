/** Connections by a WebSocket to a bridge, which connects to the broker: for pages, and wherever nothing else gets through. */

import { KafkaError } from "../base/errors.ts";
import { realWorld } from "../base/world.ts";
import { brokerOf, checkTarget } from "./failure.ts";
import type { Address, Dial, DialOptions, Transport } from "./transport.ts";
import { SUBPROTOCOL, Tunnel } from "./tunnel.ts";

/** The bridge's URL with what it is to connect to. */
function urlOf(bridge: URL, address: Address): URL {
  const url = new URL(bridge);
  url.searchParams.set("to", brokerOf(address));
  return url;
}

/** A WebSocket's URL; in a page one that begins with `/` is the page's own host's. */
function bridgeUrl(bridge: string): URL {
  const page: string | undefined = (globalThis as { location?: { href?: string } }).location?.href;
  try {
    const url = new URL(bridge, page);
    url.protocol = url.protocol.replace(/^http/, "ws"); // only what is special may become special
    if (/^wss?:$/.test(url.protocol)) return url;
  } catch { /* the same sentence for both */ }
  throw new KafkaError(
    "INVALID_OPTION",
    `The bridge is to be the URL of a WebSocket, like "wss://kafka.example/bridge", not ${JSON.stringify(bridge)}`,
  );
}

async function connected(url: URL, broker: string, signal: AbortSignal | undefined): Promise<Transport> {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.binaryType = "arraybuffer";
  const opened = realWorld.deferred<void>(`a tunnel to ${broker}`);
  let isOpen = false;
  const tunnel = new Tunnel(
    {
      send: (data) => socket.send(data as Uint8Array<ArrayBuffer>),
      close: (code, reason) => socket.close(code, reason),
    },
    broker,
    { opened },
  );
  const noBridge = (cause: unknown) => {
    const detail = `${broker}: no bridge answers at ${url.origin}${url.pathname}, or it takes no pages from here`;
    opened.reject(new KafkaError("CONNECTION_REFUSED", detail, { broker, cause }));
  };
  socket.onopen = () => {
    isOpen = true;
    if (socket.protocol === SUBPROTOCOL) tunnel.open();
    else opened.reject(new KafkaError("PROTOCOL_ERROR", `What answers at ${url.origin} is no bridge`, { broker }));
  };
  socket.onmessage = ({ data }) => tunnel.message(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
  // Platforms do not say why there is no WebSocket; Node 22 then tells of the error alone, and of no close.
  socket.onerror = (event) => isOpen || noBridge(event);
  socket.onclose = (event) =>
    isOpen ? tunnel.closed(event.wasClean ? event.code : undefined, event.reason, event) : noBridge(event);
  const abort = () => opened.reject(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await opened.promise;
    return tunnel;
  } catch (error) {
    tunnel.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * Connects through the bridge at a URL: `wss://…`, `ws://…`, or in a page a path on its own host. TLS to the broker is the bridge's,
 * since a page has none: `tls` is an `UNSUPPORTED_FEATURE`. What keeps the bridge from connecting is told by the same codes as
 * on other platforms; what it does not forward to is an `INVALID_OPTION`.
 */
export function webSocketDial(bridge: string): Dial {
  const url = bridgeUrl(bridge);
  return async (address: Address, { tls, signal }: DialOptions = {}) => {
    signal?.throwIfAborted();
    checkTarget(address, tls);
    const broker = brokerOf(address);
    if (tls === undefined) return await connected(urlOf(url, address), broker, signal);
    throw new KafkaError(
      "UNSUPPORTED_FEATURE",
      "Through a bridge there is no TLS of the client's own: leave tls out, use a wss:// URL, and give tls to the bridge",
      { broker },
    );
  };
}
