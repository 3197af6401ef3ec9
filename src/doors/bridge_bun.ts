/** The bridge's HTTP server on Bun. */

import { Bridge, type BridgeServer, type BridgeServerOptions, notListening } from "../transport/bridge.ts";
import type { Dial } from "../transport/transport.ts";
import { SUBPROTOCOL, type Tunnel } from "../transport/tunnel.ts";

interface Data {
  readonly url: string;
  tunnel: Tunnel | undefined;
}

/** As much of Bun's server and its WebSockets as is used here. */
interface Socket {
  readonly data: Data;
  send(data: string | Uint8Array): number;
  close(code: number, reason: string): void;
}

interface Server {
  readonly hostname: string;
  readonly port: number;
  upgrade(request: Request, options: { data: Data; headers: Record<string, string> }): boolean;
  stop(closeConnections: boolean): Promise<void>;
}

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    tls?: { cert: string; key: string };
    fetch(request: Request, server: Server): Promise<Response> | Response | undefined;
    websocket: {
      open(socket: Socket): void;
      message(socket: Socket, data: string | Uint8Array): void;
      close(socket: Socket, code: number, reason: string): void;
    };
  }): Server;
};

const BROKEN = 1006;

/** Bun's server for a bridge. */
function listening(bridge: Bridge, options: BridgeServerOptions): Server {
  const { host: hostname, port } = bridge.address;
  try {
    return Bun.serve({
      hostname,
      port,
      ...options.listenTls && { tls: options.listenTls },
      fetch(request, server) {
        if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return bridge.respond(request);
        const { pathname, search } = new URL(request.url);
        const header = (name: string) => request.headers.get(name) ?? undefined;
        const status = bridge.refusal({
          url: pathname + search,
          origin: header("origin"),
          host: header("host"),
          protocols: header("sec-websocket-protocol"),
        });
        if (status !== undefined) return new Response(null, { status });
        const data: Data = { url: pathname + search, tunnel: undefined };
        // Bun takes the first protocol that was asked for, and ours may not be it.
        const headers = { "sec-websocket-protocol": SUBPROTOCOL };
        return server.upgrade(request, { data, headers }) ? undefined : new Response(null, { status: 400 });
      },
      websocket: {
        open: (socket) => {
          socket.data.tunnel = bridge.accept(socket.data.url, socket);
        },
        // Bytes come as a Buffer, whose memory may be used again.
        message: ({ data }, message) =>
          data.tunnel?.message(typeof message === "string" ? message : new Uint8Array(message)),
        close: ({ data }, code, reason) => data.tunnel?.closed(code === BROKEN ? undefined : code, reason),
      },
    });
  } catch (error) {
    throw notListening(error, bridge.address, options);
  }
}

/** Serves a bridge on Bun; `dial` connects to the brokers. */
export async function serveBridgeOnBun(options: BridgeServerOptions, dial: Dial): Promise<BridgeServer> {
  const bridge = new Bridge(options, dial);
  const { host: hostname } = bridge.address;
  const server = listening(bridge, options);
  return await Promise.resolve({
    address: { host: hostname, port: server.port },
    get connections() {
      return bridge.connections;
    },
    async close() {
      await bridge.close();
      await server.stop(true);
    },
  });
}
