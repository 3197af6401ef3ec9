/** What a transport promises of its beginning: addresses, aborts and TLS. */

import { assert } from "chai";
import type { Dial, TlsOptions, Transport } from "../../src/transport/transport.ts";
import {
  clientTls,
  ending,
  failure,
  greet,
  meet,
  pair,
  type Property,
  serverTls,
  sleep,
  soon,
  type Subject,
} from "./subject.ts";

/** Finding the peer, or not. */
export const dials: readonly Property[] = [
  {
    name: "nobody listens: CONNECTION_REFUSED, with the broker and the platform's error",
    check: async (subject) => {
      for (const host of ["127.0.0.1", subject.host]) {
        const error = await failure(subject.dial({ host, port: 1 }, clientTls(subject)));
        assert.equal(error.code, "CONNECTION_REFUSED");
        assert.equal(error.broker, `${host}:1`);
        assert.equal(error.cause !== undefined, subject.rig !== undefined);
      }
    },
  },
  {
    // The everyday case; where a machine gives it one address only, little is seen here. Bun takes "localhost" for these two
    // whatever else it stands for; of any other name it tries every address, as Deno and Node do of every name.
    name: "a name with several addresses: whichever of them is open is found",
    only: ({ rig }) => rig !== undefined,
    check: async (subject) => {
      const known = await subject.rig!.addressesOf("localhost");
      const addresses = ["::1", "127.0.0.1"].filter((address) => known.includes(address));
      assert.isAbove(addresses.length, 0);
      for (const host of addresses) {
        const listener = await subject.listen({ host, port: 0 }, serverTls(subject));
        const arrivals = listener[Symbol.asyncIterator]();
        const arrival = arrivals.next();
        const options = { ...clientTls(subject) };
        const client = await soon(subject.dial({ host: "localhost", port: listener.address.port }, options), 5000);
        const server = (await soon(arrival)).value as Transport;
        await client.write([Uint8Array.of(7)]);
        assert.equal(await soon(server.read(new Uint8Array(1))), 1, host);
        client.close();
        server.close();
        listener.close();
        assert.isTrue((await soon(arrivals.next())).done);
      }
    },
  },
  {
    name: "a name that nobody knows: HOST_NOT_FOUND",
    only: ({ rig }) => rig !== undefined,
    check: async (subject) => {
      const address = { host: "no.such.name.invalid", port: 9 };
      assert.equal(await ending(subject.dial(address, clientTls(subject)), 8000), "HOST_NOT_FOUND");
    },
  },
  {
    name: "what cannot be an address, or half an identity: INVALID_OPTION",
    check: async (subject) => {
      for (const [host, port] of [["127.0.0.1", 70_000], ["127.0.0.1", -1], ["127.0.0.1", 1.5], ["", 9]] as const) {
        assert.equal(await ending(subject.dial({ host, port })), "INVALID_OPTION");
        assert.equal(await ending(subject.listen({ host, port })), "INVALID_OPTION");
      }
      if (subject.tls === undefined) return;
      const { cert, key } = subject.tls.client;
      assert.equal(await ending(subject.dial({ host: "127.0.0.1", port: 1 }, { tls: { cert } })), "INVALID_OPTION");
      assert.equal(await ending(subject.dial({ host: "127.0.0.1", port: 1 }, { tls: { key } })), "INVALID_OPTION");
      assert.equal(await ending(subject.listen({ host: "127.0.0.1", port: 0 }, { tls: {} })), "INVALID_OPTION");
    },
  },
  {
    name: "two listeners at one port: INVALID_OPTION; at port 0 each has its own",
    check: async ({ listen }) => {
      const first = await listen({ host: "127.0.0.1", port: 0 });
      const second = await listen({ host: "127.0.0.1", port: 0 });
      assert.notEqual(first.address.port, second.address.port);
      assert.equal(await ending(listen(first.address)), "INVALID_OPTION");
      first.close();
      second.close();
    },
  },
  {
    name: "a signal that has aborted: its reason",
    check: async (subject) => {
      const signal = AbortSignal.abort(new Error("enough"));
      assert.equal(
        await ending(subject.dial({ host: subject.host, port: 1 }, { ...clientTls(subject), signal })),
        "enough",
      );
    },
  },
  {
    name: "an abort after connecting changes nothing",
    check: (subject) => {
      const controller = new AbortController();
      const dial: Dial = (address, options) => subject.dial(address, { ...options, signal: controller.signal });
      return pair({ ...subject, dial }, async (client, server) => {
        controller.abort();
        await sleep(5);
        await client.write([new Uint8Array(3)]);
        assert.equal(await soon(server.read(new Uint8Array(9))), 3);
      });
    },
  },
  {
    name: "an abort while TCP connects rejects at once",
    only: ({ rig }) => rig !== undefined,
    check: (subject) => meet(subject.rig!.deafPeer(), ({ port }) => aborted(subject, port, clientTls(subject))),
  },
];

async function aborted({ dial }: Subject, port: number, options: { tls?: TlsOptions }): Promise<void> {
  const controller = new AbortController();
  const dialing = ending(dial({ host: "localhost", port }, { ...options, signal: controller.signal }));
  await sleep(30);
  controller.abort(new Error("enough"));
  assert.equal(await soon(dialing, 200), "enough");
}

/** Over TLS and over sockets. */
export const secure = ({ tls, rig }: Subject): boolean => tls !== undefined && rig !== undefined;

/** Dials a listener that shows `identity`, and says how it ended; `failed` is given the error. */
export async function dialWith(
  subject: Subject,
  identity: TlsOptions,
  tls: TlsOptions,
  host = "localhost",
  failed: (error: Error) => void = () => {},
): Promise<unknown> {
  const listener = await subject.listen({ host: "127.0.0.1", port: 0 }, { tls: identity });
  const accept = async () => {
    for await (const transport of listener) {
      transport.read(new Uint8Array(1)).then(() => transport.close(), () => transport.close());
    }
  };
  const accepting = accept();
  const connect = async () => {
    const dialling = subject.dial({ host, port: listener.address.port }, { tls });
    dialling.catch(failed);
    const client = await dialling;
    await client.write([Uint8Array.of(1)]);
    await client.read(new Uint8Array(1));
    client.close();
    return "connected";
  };
  const ended = await ending(connect());
  listener.close();
  await soon(accepting);
  return ended;
}

/** Believing the peer, or not. */
export const secrets: readonly Property[] = [
  {
    name: "an unknown authority or a wrong name: TLS_FAILED; serverName is the name that counts",
    only: secure,
    check: async (subject) => {
      const { authority: ca, server, otherServer } = subject.tls!;
      assert.equal(await dialWith(subject, server, { ca }), "connected");
      assert.equal(await dialWith(subject, server, { ca }, "127.0.0.1"), "connected");
      assert.equal(await dialWith(subject, server, {}), "TLS_FAILED");
      assert.equal(await dialWith(subject, otherServer, { ca }), "TLS_FAILED");
      assert.equal(await dialWith(subject, otherServer, { ca }, "127.0.0.1"), "TLS_FAILED");
      assert.equal(await dialWith(subject, otherServer, { ca, serverName: "broker.example" }), "connected");
      assert.equal(
        await dialWith(subject, otherServer, { ca, serverName: "broker.example" }, "127.0.0.1"),
        "connected",
      );
      assert.equal(await dialWith(subject, server, { ca, serverName: "broker.example" }), "TLS_FAILED");
      assert.equal(await dialWith(subject, server, { ca, serverName: "127.0.0.1" }), "connected");
      assert.equal(await dialWith(subject, otherServer, { ca, serverName: "127.0.0.1" }), "TLS_FAILED");
      assert.equal(await dialWith(subject, server, { ca, serverName: "no name" }), "TLS_FAILED");
      assert.equal(await dialWith(subject, server, { ca, serverName: "" }), "INVALID_OPTION");
    },
  },
  {
    name: "PEM that cannot be read: INVALID_OPTION",
    only: secure,
    check: async (subject) => {
      const { authority: ca, server } = subject.tls!;
      assert.equal(await dialWith(subject, server, { ca: ca.replace(/.{64}/, "junk") }), "INVALID_OPTION");
      assert.equal(await dialWith(subject, server, { ca, cert: "junk", key: "junk" }), "INVALID_OPTION");
    },
  },
  {
    name: "a peer that does not speak TLS: TLS_FAILED; one that hangs up: CONNECTION_RESET",
    only: secure,
    check: async (subject) => {
      await meet(subject.rig!.plainPeer(), async ({ port }) => {
        assert.equal(await ending(subject.dial({ host: "localhost", port }, clientTls(subject))), "TLS_FAILED");
      });
      await meet(subject.rig!.hangingUpPeer(), async ({ port }) => {
        assert.equal(await ending(subject.dial({ host: "localhost", port }, clientTls(subject))), "CONNECTION_RESET");
      });
    },
  },
  {
    name: "a certificate of our own is shown; without one the dial or the first read is TLS_FAILED",
    only: secure,
    check: (subject) =>
      meet(subject.rig!.strictPeer(), async ({ port }) => {
        const { authority: ca, client } = subject.tls!;
        const hear = async (tls: TlsOptions) => {
          const transport = await subject.dial({ host: "localhost", port }, { tls });
          const into = new Uint8Array(20);
          try {
            return new TextDecoder().decode(into.subarray(0, await transport.read(into) ?? 0));
          } catch (error) {
            assert.strictEqual(await failure(transport.read(into)), error);
            throw error;
          } finally {
            transport.close();
          }
        };
        assert.equal(await ending(hear({ ca, ...client })), "client");
        assert.equal(await ending(hear({ ca })), "TLS_FAILED");
      }),
  },
  {
    name: "a listener with tls.ca hands out only clients with such a certificate, or is an UNSUPPORTED_FEATURE",
    only: secure,
    check: async (subject) => {
      const { authority: ca, server, client: identity } = subject.tls!;
      const listening = subject.listen({ host: "127.0.0.1", port: 0 }, { tls: { ...server, ca } });
      if (subject.asksClients === false) {
        assert.equal(await ending(listening), "UNSUPPORTED_FEATURE");
        return;
      }
      const listener = await listening;
      const arrival = listener[Symbol.asyncIterator]().next();
      const address = { host: "localhost", port: listener.address.port };
      const stranger = subject.dial(address, { tls: { ca } }).then(async (transport) => {
        const end = await ending(transport.read(new Uint8Array(1)));
        transport.close();
        return end;
      }, (error) => error.code);
      assert.include(["TLS_FAILED", "CONNECTION_RESET", "done"], await stranger);
      const client = await subject.dial(address, { tls: { ca, ...identity } });
      const accepted = (await soon(arrival)).value as Transport;
      await greet(client, accepted);
      client.close();
      accepted.close();
      listener.close();
    },
  },
  {
    name: "an abort while a silent peer lets the handshake wait rejects at once",
    only: secure,
    check: (subject) => meet(subject.rig!.silentPeer(), ({ port }) => aborted(subject, port, clientTls(subject))),
  },
  {
    name: "an abort while a silent peer lets the handshake wait frees the socket",
    only: secure,
    check: (subject) =>
      meet(subject.rig!.silentPeer(), async (peer) => {
        await aborted(subject, peer.port, clientTls(subject));
        await sleep(150);
        assert.equal(peer.connected, 0, "the peer sees that we are gone");
      }),
  },
];
