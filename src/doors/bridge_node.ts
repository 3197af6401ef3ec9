/** The bridge's HTTP server on Node, with the package `ws`, which is loaded when a bridge is asked for. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket as TcpSocket } from "node:net";
import type { Duplex } from "node:stream";
import { KafkaError } from "../base/errors.ts";
import { realWorld } from "../base/world.ts";
import { Bridge, type BridgeServer, type BridgeServerOptions, notListening } from "../transport/bridge.ts";
import type { Dial } from "../transport/transport.ts";
import { SUBPROTOCOL } from "../transport/tunnel.ts";

/** As much of the package as is used here. */
interface Socket {
  send(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): this;
  on(event: "close", listener: (code: number, reason: Uint8Array) => void): this;
  on(event: "error", listener: () => void): this;
}

interface Ws {
  readonly WebSocketServer: new (options: {
    noServer: true;
    perMessageDeflate: false;
    maxPayload: number;
    handleProtocols(): string;
  }) => {
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array, done: (socket: Socket) => void): void;
  };
}

/** A message may not be larger than what a tunnel may have on its way. */
const MESSAGE_BYTES_MAX = 1 << 20;

const BROKEN = 1006;

/** How long who is connected may take to close, too, when the bridge does. */
const GOODBYE_MS = 500;

async function loadWs(): Promise<Ws> {
  try {
    return await import("ws");
  } catch (cause) {
    throw new KafkaError("UNSUPPORTED_FEATURE", "A bridge on Node needs the package ws: npm install ws", { cause });
  }
}

/** Node's servers are loaded when they are asked for, too: every client would pay for them. */
async function newServer(bridge: Bridge, options: BridgeServerOptions): Promise<Server> {
  const { listenTls } = options;
  if (!listenTls) return (await import("node:http")).createServer();
  const { createServer } = await import("node:https");
  try {
    return createServer({ ...listenTls });
  } catch (error) {
    throw notListening(error, bridge.address, options);
  }
}

/** Every socket of a server, as it closes only those that have asked for something over HTTP, and waits for all. */
function socketsOf(server: Server): Set<TcpSocket> {
  const sockets = new Set<TcpSocket>();
  server.on("connection", (socket: TcpSocket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** Gives a WebSocket to the bridge. */
function take(bridge: Bridge, url: string, socket: Socket): void {
  const tunnel = bridge.accept(url, {
    // The package sends the very array, later; the tunnel wants a copy.
    send: (data) => socket.send(typeof data === "string" ? data : new Uint8Array(data)),
    close: (code, reason) => socket.close(code, reason),
  });
  socket.on("message", (data, isBinary) =>
    tunnel.message(
      isBinary
        ? new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
        : new TextDecoder().decode(data),
    ));
  socket.on("error", () => {}); // a close follows
  socket.on("close", (code, reason) => tunnel.closed(code === BROKEN ? undefined : code, `${reason}`));
}

async function answer(bridge: Bridge, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const { method = "GET", headers, url = "/" } = incoming;
    const scheme = "encrypted" in incoming.socket ? "https" : "http";
    const named = Object.entries(headers).map(([name, value]): [string, string] => [name, `${value}`]);
    const request = new Request(new URL(url, `${scheme}://${headers.host ?? "localhost"}`), { method, headers: named });
    const response = await bridge.respond(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(bytes);
  } catch {
    outgoing.writeHead(500).end();
  }
}

/** Serves a bridge on Node; `dial` connects to the brokers. */
export async function serveBridgeOnNode(options: BridgeServerOptions, dial: Dial): Promise<BridgeServer> {
  const bridge = new Bridge(options, dial);
  const { WebSocketServer } = await loadWs();
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: () => SUBPROTOCOL,
  });
  const server = await newServer(bridge, options);
  const connected = socketsOf(server);
  server.on("request", (incoming, outgoing) => answer(bridge, incoming, outgoing));
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    const { url = "/", headers } = request;
    const status = bridge.refusal({
      url,
      origin: headers.origin,
      host: headers.host,
      protocols: headers["sec-websocket-protocol"],
    });
    if (status === undefined) sockets.handleUpgrade(request, socket, head, (ws) => take(bridge, url, ws));
    else socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  const { host, port } = bridge.address;
  const listening = realWorld.deferred<void>("a bridge that listens");
  server.on("error", (error) => listening.reject(notListening(error, bridge.address, options)));
  server.listen(port, host, () => listening.resolve());
  await listening.promise;
  const { address, port: chosen } = server.address() as AddressInfo;
  return {
    address: { host: address, port: chosen },
    get connections() {
      return bridge.connections;
    },
    async close() {
      await bridge.close();
      const closed = realWorld.deferred<void>("the end of a bridge");
      server.close(() => closed.resolve());
      server.closeAllConnections();
      const late = realWorld.timer(GOODBYE_MS, () => connected.forEach((socket) => socket.destroy()));
      await closed.promise;
      late.cancel();
    },
  };
}
