/** Who is put to the contract of a transport, and how the properties bring two ends together. */

import { assert } from "chai";
import { KafkaError } from "../../src/base/errors.ts";
import type { Dial, Listen, TlsOptions, Transport } from "../../src/transport/transport.ts";
import type { Peer } from "./rig.ts";

/** The strangers that the suite lets a subject meet; none of them where there are no sockets. */
export interface Rig {
  silentPeer(): Promise<Peer>;
  lazyPeer(secure: boolean): Promise<Peer>;
  resettingPeer(): Promise<Peer>;
  hangingUpPeer(): Promise<Peer>;
  plainPeer(): Promise<Peer>;
  strictPeer(ca?: string): Promise<Peer>;
  deafPeer(): Promise<Peer>;
  openSockets(): number;
  inspected(error: unknown): string;
  addressesOf(name: string): Promise<string[]>;
}

/** What TLS is tested with. */
export interface Secrets {
  readonly authority: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly otherServer: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Who is put to the suite. */
export interface Subject {
  readonly name: string;
  readonly dial: Dial;
  readonly listen: Listen;
  /** What to dial; the listener is always at 127.0.0.1. */
  readonly host: string;
  /** Over TLS, if given. */
  readonly tls?: Secrets | undefined;
  /** Where there are sockets. */
  readonly rig?: Rig | undefined;
  /** False where a listener cannot ask its clients for certificates. */
  readonly asksClients?: false | undefined;
  /** What has to stand while a property is looked at, and to be gone afterwards. */
  readonly around?: ((body: () => Promise<void>) => Promise<void>) | undefined;
  /** Bytes that may lie between two ends; for sockets that is the kernel's affair. */
  readonly windowMax: number;
  /** Properties that cannot be looked at here: what they need cannot be had. */
  readonly unseen?: readonly string[] | undefined;
  /** Names of properties that the platform is known not to keep. The suite checks that it is still so. */
  readonly known?: readonly string[] | undefined;
}

/** One promise of the contract, for every subject or for some. */
export interface Property {
  readonly name: string;
  readonly only?: (subject: Subject) => boolean;
  readonly check: (subject: Subject) => Promise<void>;
}

/** Lets real time pass. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The promise, or a failure if it takes long. */
export async function soon<T>(promise: Promise<T>, ms = 3000): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not settled within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer!);
  }
}

/** How a promise ended: by its value, or by the code of its error. */
export async function ending(promise: Promise<unknown>, ms?: number): Promise<unknown> {
  try {
    return await soon(promise, ms) ?? "done";
  } catch (error) {
    return error instanceof KafkaError ? error.code : (error as Error).message;
  }
}

/** The error of Samsa's that a promise ends with. */
export async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  try {
    await soon(promise);
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return error as KafkaError;
  }
  throw new Error("It should have failed");
}

/** What a client of the subject believes. */
export const clientTls = ({ tls }: Subject): { tls?: TlsOptions } => tls ? { tls: { ca: tls.authority } } : {};
/** What a listener of the subject shows. */
export const serverTls = ({ tls }: Subject): { tls?: TlsOptions } => tls ? { tls: tls.server } : {};

/** Two ends of one connection, for as long as `body` lasts. */
export async function pair(
  subject: Subject,
  body: (client: Transport, server: Transport) => Promise<void>,
): Promise<void> {
  const listener = await subject.listen({ host: "127.0.0.1", port: 0 }, serverTls(subject));
  const arrivals = listener[Symbol.asyncIterator]();
  const ends: Transport[] = [];
  try {
    const arrival = arrivals.next();
    const client = await soon(subject.dial({ host: subject.host, port: listener.address.port }, clientTls(subject)));
    ends.push(client);
    const server = (await soon(arrival)).value as Transport;
    ends.push(server);
    await body(client, server);
  } finally {
    for (const end of ends) end.close();
    listener.close();
  }
  assert.isTrue((await soon(arrivals.next())).done, "a closed listener ends its iteration");
}

/** A stranger, for as long as `body` lasts. */
export async function meet(making: Promise<Peer>, body: (peer: Peer) => Promise<void>): Promise<void> {
  const peer = await making;
  try {
    await body(peer);
  } finally {
    await peer.close();
  }
}

/** After it, all that the server said has been read, TLS's own words included: closing then resets nothing. */
export async function greet(client: Transport, server: Transport): Promise<void> {
  await server.write([Uint8Array.of(1)]);
  assert.equal(await soon(client.read(new Uint8Array(1))), 1);
}

/** Soon so many sockets are open: closing takes some turns of the loop. */
export async function becomes(count: () => number | undefined, expected: number | undefined): Promise<void> {
  for (let tries = 0; tries < 100 && count() !== expected; tries++) await sleep(10);
  assert.equal(count(), expected, "open sockets");
}
