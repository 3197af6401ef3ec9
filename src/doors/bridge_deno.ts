/** The bridge's HTTP server on Deno. */

import { Bridge, type BridgeServer, type BridgeServerOptions, notListening } from "../transport/bridge.ts";
import type { Dial } from "../transport/transport.ts";
import { SUBPROTOCOL, type Tunnel } from "../transport/tunnel.ts";

function upgraded(bridge: Bridge, request: Request, url: string): Response {
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: SUBPROTOCOL });
  socket.binaryType = "arraybuffer";
  let tunnel: Tunnel | undefined;
  socket.onopen = () => {
    tunnel = bridge.accept(url, {
      // What is sent after the other end has begun to close goes nowhere.
      send: (data) => socket.readyState === WebSocket.OPEN && socket.send(data as Uint8Array<ArrayBuffer>),
      close: (code, reason) => socket.close(code, reason),
    });
  };
  socket.onmessage = ({ data }) => tunnel?.message(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
  socket.onerror = () => {}; // a close follows
  socket.onclose = ({ code, reason, wasClean }) => tunnel?.closed(wasClean ? code : undefined, reason);
  return response;
}

/** Serves a bridge on Deno; `dial` connects to the brokers. */
export async function serveBridgeOnDeno(options: BridgeServerOptions, dial: Dial): Promise<BridgeServer> {
  const bridge = new Bridge(options, dial);
  const { host: hostname, port } = bridge.address;
  const handle = (request: Request): Response | Promise<Response> => {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return bridge.respond(request);
    const { pathname, search } = new URL(request.url);
    const header = (name: string) => request.headers.get(name) ?? undefined;
    const status = bridge.refusal({
      url: pathname + search,
      origin: header("origin"),
      host: header("host"),
      protocols: header("sec-websocket-protocol"),
    });
    return status === undefined ? upgraded(bridge, request, pathname + search) : new Response(null, { status });
  };
  const stop = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ hostname, port, signal: stop.signal, onListen() {}, ...options.listenTls }, handle);
  } catch (error) {
    throw notListening(error, bridge.address, options);
  }
  const { hostname: host, port: chosen } = server.addr;
  return await Promise.resolve({
    address: { host, port: chosen },
    get connections() {
      return bridge.connections;
    },
    async close() {
      await bridge.close();
      stop.abort(); // not shutdown(), which waits for pages that keep their connection for more requests
      await server.finished;
    },
  });
}
