/** The peers that a transport has to cope with, and a count of what a process has open; for Node, Deno and Bun alike. */

import { lookup } from "node:dns/promises";
import fs from "node:fs";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import * as certificates from "./certificates.ts";

/** A peer: where it listens, how many are connected to it, and its end. */
export interface Peer {
  readonly port: number;
  readonly connected: number;
  close(): Promise<void>;
}

type Conduct = (socket: net.Socket) => void;

async function peer(conduct: Conduct, secure?: tls.TlsOptions): Promise<Peer> {
  const sockets = new Set<net.Socket>();
  const server = secure ? tls.createServer(secure, conduct) : net.createServer(conduct);
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    get connected() {
      return sockets.size;
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Reads all and answers nothing, ever. */
export const silentPeer = (): Promise<Peer> => peer((socket) => socket.resume());

/** Reads nothing, ever, over TLS or not. */
export const lazyPeer = (secure: boolean): Promise<Peer> =>
  peer((socket) => {
    socket.on("error", () => {}).pause();
  }, secure ? certificates.server : undefined);

/** Waits for some bytes, answers with one, and resets the connection. */
export const resettingPeer = (): Promise<Peer> =>
  peer((socket) => {
    socket.once("data", () => socket.write("x", () => setTimeout(() => socket.resetAndDestroy(), 20)));
  });

/** Hangs up as soon as anybody says anything. */
export const hangingUpPeer = (): Promise<Peer> => peer((socket) => socket.once("data", () => socket.destroy()));

/** Speaks something that is not TLS. */
export const plainPeer = (): Promise<Peer> =>
  peer((socket) => {
    socket.resume();
    socket.end("HTTP/1.0 400 Bad Request\r\n\r\n");
  });

/** Speaks TLS with whom the authority knows, and says who that is. */
export const strictPeer = (ca: string = certificates.authority): Promise<Peer> =>
  peer((socket) => {
    socket.on("error", () => {});
    socket.resume();
    socket.write((socket as tls.TLSSocket).getPeerCertificate().subject.CN as string);
  }, { ...certificates.server, ca, requestCert: true, rejectUnauthorized: true });

const DEAF = `
const { parentPort, workerData } = require("node:worker_threads");
const server = require("node:net").createServer();
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setTimeout(() => Atomics.wait(workerData, 0, 0), 10);
});`;

/**
 * Listens and accepts nobody: its thread is blocked and its queue is full, so that connecting to it lasts. Not to be had
 * where the platform gives the queue more than the one place that is asked for.
 */
export async function deafPeer(): Promise<Peer> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(DEAF, { eval: true, workerData: gate });
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  await new Promise((resolve) => setTimeout(resolve, 30));
  let connected = 0;
  const fill = Array.from({ length: 4 }, () => net.connect(port, "127.0.0.1", () => connected++).on("error", () => {}));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const close = async () => {
    for (const socket of fill) socket.destroy();
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    await worker.terminate();
  };
  if (connected < fill.length) return { port, connected, close };
  await close();
  throw new Error("The queue of a listener is not bounded here");
}

/** How many sockets the process has open, where the system tells; else 0. */
export function openSockets(): number {
  const folder = "/proc/self/fd";
  if (!fs.existsSync(folder)) return 0;
  return fs.readdirSync(folder).filter((descriptor) => {
    try {
      return fs.readlinkSync(`${folder}/${descriptor}`).startsWith("socket:");
    } catch {
      return false; // the one that read the folder
    }
  }).length;
}

/** Every address that a name has on this machine. */
export async function addressesOf(name: string): Promise<string[]> {
  return [...new Set((await lookup(name, { all: true })).map(({ address }) => address))];
}

/** All of an error, its causes and what hangs on them, as a log would show it. */
export function inspected(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true, maxStringLength: Infinity });
}

/** The HTTP status that a server answers with when it is asked for a WebSocket. */
export function upgradeStatus(port: number, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers }).map(([name, value]) =>
        `${name}: ${value}`
      );
      socket.write([`GET ${path}?to=127.0.0.1:1 HTTP/1.1`, ...lines, "", ""].join("\r\n"));
    });
    socket.once("data", (data) => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(`${data}`)?.[1]));
      socket.destroy();
    }).on("error", reject);
  });
}

/** What a server answers that shows a certificate of this authority. */
export function secureGet(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    https.get({ host: "localhost", port, ca, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => body += text).on("end", () => resolve(body));
    }).on("error", reject);
  });
}

/** A client that connects, says this much, and no more. */
export async function quietClient(port: number, words = ""): Promise<Peer> {
  const socket = net.connect(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) => socket.on("connect", resolve).on("error", reject));
  socket.write(words);
  await new Promise((resolve) => words === "" ? resolve(true) : socket.once("data", resolve));
  const gone = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  const close = (): Promise<void> => {
    socket.destroy();
    return gone;
  };
  return { port, connected: 1, close };
}
