/** Asks brokers and ZooKeeper whether they serve, in a few bytes of their own protocols and with nothing of the client's. */

import { connect, createServer } from "node:net";

/** Milliseconds that an answer may take. */
const patience = 2_000;

/**
 * Sends bytes to a port of this machine and returns what came back, until it is whole by `size` (the length that the first
 * bytes announce, if they do yet) or the peer ends; nothing when there is no peer or it says nothing in time.
 */
export function exchange(
  port: number,
  bytes: Uint8Array,
  size: (head: Uint8Array) => number | undefined = () => undefined,
  timeoutMs: number = patience,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    let got = new Uint8Array(0);
    let answer: Uint8Array | undefined;
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    const whole = (): boolean => got.length >= (size(got) ?? Infinity);
    socket.on("data", (chunk: Uint8Array) => {
      const more = new Uint8Array(got.length + chunk.length);
      more.set(got);
      more.set(chunk, got.length);
      got = more;
      if (whole()) socket.destroy();
    });
    socket.on("end", () => answer = got);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(whole() ? got : answer);
    });
  });
}

/** Whether nobody listens on a port of this machine. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/**
 * Free ports of this machine. They lie below those that the system gives to outgoing connections: one of those could take the
 * port of a broker that is down for a while, even a client's own attempt to reach that very broker.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (!ports.has(port) && await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Asks a ZooKeeper server one of its four-letter questions. */
export async function askZooKeeper(port: number, question: "srvr" | "dump"): Promise<string> {
  const answer = await exchange(port, new TextEncoder().encode(question));
  return new TextDecoder().decode(answer ?? new Uint8Array());
}

/** What a broker tells of a partition. */
export interface PartitionState {
  readonly error: number;
  readonly partition: number;
  /** The id of the broker that leads it, or −1. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** What a broker tells of the cluster. */
export interface ClusterState {
  readonly brokers: readonly number[];
  readonly topics: ReadonlyMap<string, readonly PartitionState[]>;
}

/** Asks a broker for its Metadata in version 0, which every release from 0.8 to 4 answers; for all topics if none is named. */
export async function askMetadata(port: number, topic?: string): Promise<ClusterState | undefined> {
  const name = new TextEncoder().encode(topic ?? "");
  const request = new Uint8Array(22 + (topic === undefined ? 0 : 2 + name.length));
  const view = new DataView(request.buffer);
  view.setInt32(0, request.length - 4);
  view.setInt16(4, 3); // the API, then its version 0
  view.setInt32(8, 1); // the correlation id, then a client id of 4 bytes
  view.setInt16(12, 4);
  request.set(new TextEncoder().encode("test"), 14);
  if (topic !== undefined) {
    view.setInt32(18, 1);
    view.setInt16(22, name.length);
    request.set(name, 24);
  }
  const size = (head: Uint8Array) => head.length < 4 ? undefined : 4 + new DataView(head.buffer).getInt32(0);
  const answer = await exchange(port, request, size);
  return answer === undefined || answer.length < 12 ? undefined : readMetadata(answer);
}

function readMetadata(answer: Uint8Array): ClusterState {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  let at = 8;
  const int16 = () => view.getInt16((at += 2) - 2);
  const int32 = () => view.getInt32((at += 4) - 4);
  const text = () => {
    const length = int16();
    return new TextDecoder().decode(answer.subarray(at, at += length));
  };
  const list = <T>(item: () => T): T[] => Array.from({ length: int32() }, item);
  const brokers = list(() => {
    const id = int32();
    text();
    int32();
    return id;
  });
  const topics = list((): [string, PartitionState[]] => {
    int16();
    const name = text();
    return [
      name,
      list(() => ({ error: int16(), partition: int32(), leader: int32(), replicas: list(int32), inSync: list(int32) })),
    ];
  });
  return { brokers, topics: new Map(topics) };
}
