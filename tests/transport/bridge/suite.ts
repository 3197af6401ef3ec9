/** What a bridge promises, and the contract of a transport kept through it; for every platform that has a server. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import type { BridgeServer, BridgeServerOptions } from "../../../src/transport/bridge.ts";
import type { Dial, Listen, Transport } from "../../../src/transport/transport.ts";
import { SUBPROTOCOL } from "../../../src/transport/tunnel.ts";
import { webSocketDial } from "../../../src/transport/websocket.ts";
import { test } from "../../harness.ts";
import { contract } from "../contract.ts";
import * as rig from "../rig.ts";
import { becomes, ending, failure, meet, pair, sleep, soon, type Subject } from "../subject.ts";

/** What a platform brings. */
export interface Platform {
  readonly name: string;
  readonly dial: Dial;
  readonly listen: Listen;
  /** One that can ask clients for certificates, where `listen` cannot. */
  readonly listenAsking?: Listen | undefined;
  readonly serveBridge: (options: BridgeServerOptions) => Promise<BridgeServer>;
  readonly unseen?: readonly string[] | undefined;
}

/** What kernels keep of two loopback connections, and a window for each WebSocket. */
const windowMax = 48 << 20;

const ALL_HERE = ["127.0.0.1:*", "localhost:*", "[::1]:*", "no.such.name.invalid:9"];

type Use = (bridge: BridgeServer, dial: Dial) => Promise<void>;

/** Puts a platform's bridge to all of it. */
export function bridgeSuite({ name, dial, listen, serveBridge, unseen }: Platform): void {
  const bridged = async (options: Partial<BridgeServerOptions>, use: Use): Promise<void> => {
    const bridge = await serveBridge({ allow: ALL_HERE, ...options });
    try {
      await use(bridge, webSocketDial(`ws://127.0.0.1:${bridge.address.port}/bridge`));
    } finally {
      await soon(bridge.close());
    }
  };
  let through: Dial;
  const subject: Subject = {
    name: `${name} through a bridge`,
    dial: (address, options) => through(address, options),
    listen,
    host: "localhost",
    rig,
    windowMax,
    unseen,
    around: (body) =>
      bridged({}, (_, dial) => {
        through = dial;
        return body();
      }),
  };
  contract(subject);
  refusals(name, bridged, listen);
  limits(name, bridged, { name, dial, listen, serveBridge });
}

type Bridged = (options: Partial<BridgeServerOptions>, use: Use) => Promise<void>;

function refusals(name: string, bridged: Bridged, listen: Listen): void {
  test(`${name} bridge: what it is not told to forward to is an INVALID_OPTION, and nobody is connected to`, () =>
    meet(
      rig.silentPeer(),
      (peer) =>
        bridged({ allow: [`127.0.0.1:${peer.port}`, "*.example:9092"] }, async (bridge, dial) => {
          for (const host of ["localhost", "127.0.0.2", "127.0.0.1.evil", "a.b.example"]) {
            const error = await failure(dial({ host, port: peer.port }));
            assert.equal(error.code, "INVALID_OPTION");
            assert.equal(error.broker, `${host}:${peer.port}`);
            assert.match(error.message, /the bridge is not allowed to connect to it/);
          }
          assert.equal((await failure(dial({ host: "127.0.0.1", port: peer.port ^ 1 }))).code, "INVALID_OPTION");
          assert.equal(peer.connected, 0);
          const client = await soon(dial({ host: "127.0.0.1", port: peer.port }));
          assert.equal(bridge.connections, 1);
          client.close();
          await becomes(() => bridge.connections, 0);
        }),
    ));

  test(`${name} bridge: pages of other origins are refused, unless they are named`, async () => {
    const open = async (port: number, origin: string, protocol: string, path = "/bridge"): Promise<number> => {
      const headers = {
        ...{ connection: "Upgrade", upgrade: "websocket", origin, "sec-websocket-protocol": protocol },
        ...{ "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" },
      };
      return await rig.upgradeStatus(port, path, headers);
    };
    await bridged({ path: "/bridge" }, async ({ address: { port } }) => {
      assert.equal(await open(port, `http://127.0.0.1:${port}`, SUBPROTOCOL), 101);
      assert.equal(await open(port, `http://127.0.0.1:${port}`, `other, ${SUBPROTOCOL}`), 101);
      assert.equal(await open(port, "https://evil.example", SUBPROTOCOL), 403);
      assert.equal(await open(port, "null", SUBPROTOCOL), 403);
      assert.equal(await open(port, `http://127.0.0.1:${port}`, "other"), 400);
      assert.equal(await open(port, `http://127.0.0.1:${port}`, SUBPROTOCOL, "/other"), 404);
    });
    await bridged({ origins: ["https://app.example"] }, async ({ address: { port } }) => {
      assert.equal(await open(port, "https://app.example", SUBPROTOCOL), 101);
      assert.equal(await open(port, "https://app.example:444", SUBPROTOCOL), 403);
      assert.equal(await open(port, `http://127.0.0.1:${port}`, SUBPROTOCOL), 403);
    });
    await bridged({ origins: ["*"] }, async ({ address: { port } }) => {
      assert.equal(await open(port, "https://any.example", SUBPROTOCOL), 101);
    });
  });

  test(`${name} bridge: what has no sense is refused before it listens`, async () => {
    for (const allow of [["kafka"], ["kafka:"], ["https://kafka:9092"], [""], ["a b:1"], "kafka:9092" as never]) {
      assert.equal(await ending(bridged({ allow }, () => Promise.resolve())), "INVALID_OPTION", `${allow}`);
    }
    assert.equal(await ending(bridged({ allow: undefined as never }, () => Promise.resolve())), "INVALID_OPTION");
    assert.equal(await ending(bridged({ port: 70_000 }, () => Promise.resolve())), "INVALID_OPTION");
    assert.equal(await ending(bridged({ idle: 1 } as never, () => Promise.resolve())), "INVALID_OPTION");
    assert.throws(() => webSocketDial("kafka.example:9092"), KafkaError, /URL of a WebSocket/);
    assert.throws(() => webSocketDial("/bridge"), KafkaError, /URL of a WebSocket/);
  });

  test(`${name} bridge: TLS of the client's own is an UNSUPPORTED_FEATURE with a hint; no bridge is CONNECTION_REFUSED`, () =>
    bridged({}, async (_, dial) => {
      const error = await failure(dial({ host: "127.0.0.1", port: 9 }, { tls: {} }));
      assert.equal(error.code, "UNSUPPORTED_FEATURE");
      assert.match(error.message, /give tls to the bridge/);
      const nobody = await listen({ host: "127.0.0.1", port: 0 });
      nobody.close();
      const none = webSocketDial(`ws://127.0.0.1:${nobody.address.port}`);
      assert.equal(await ending(none({ host: "127.0.0.1", port: 9 })), "CONNECTION_REFUSED");
    }));

  test(`${name} bridge: answers what is no WebSocket as it is told`, () =>
    bridged(
      { respond: ({ url }) => new Response(new URL(url).pathname, { headers: { "x-test": "1" } }) },
      async ({ address: { port } }) => {
        const response = await fetch(`http://127.0.0.1:${port}/page.html`, { headers: { connection: "close" } });
        assert.equal(await response.text(), "/page.html");
        assert.equal(response.headers.get("x-test"), "1");
      },
    ));
}

function limits(name: string, bridged: Bridged, platform: Platform): void {
  test(`${name} bridge: no more connections than its limit, and room again when one has gone`, () =>
    meet(rig.silentPeer(), ({ port }) =>
      bridged({ connectionsMax: 2 }, async (bridge, dial) => {
        const address = { host: "127.0.0.1", port };
        const [one, two] = [await soon(dial(address)), await soon(dial(address))];
        const error = await failure(dial(address));
        assert.equal(error.code, "CONNECTION_REFUSED");
        assert.match(error.message, /2 connections, its limit/);
        one.close();
        await becomes(() => bridge.connections, 1);
        const three = await soon(dial(address));
        three.close();
        two.close();
      })));

  test(`${name} bridge: a connection through which nothing goes is closed`, () =>
    meet(rig.silentPeer(), ({ port }) =>
      bridged({ idleMs: 100 }, async (bridge, dial) => {
        const client = await soon(dial({ host: "127.0.0.1", port }));
        for (let i = 0; i < 8; i++) {
          await client.write([Uint8Array.of(1)]);
          await sleep(40);
          assert.equal(bridge.connections, 1, "it is not quiet");
        }
        assert.isNull(await soon(client.read(new Uint8Array(1))));
        await becomes(() => bridge.connections, 0);
        client.close();
        const silent = await soon(dial({ host: "127.0.0.1", port }));
        assert.isNull(await soon(silent.read(new Uint8Array(1))), "nothing has ever gone through it");
        await becomes(() => bridge.connections, 0);
        silent.close();
      })));

  test(`${name} bridge: a broker that does not answer is a CONNECT_TIMEOUT`, () =>
    bridged({ connectTimeoutMs: 100 }, async (_, dial) => {
      const peer = await rig.deafPeer().catch(() => undefined);
      if (peer === undefined) return; // not to be had here
      await meet(Promise.resolve(peer), async ({ port }) => {
        assert.equal(await ending(dial({ host: "127.0.0.1", port })), "CONNECT_TIMEOUT");
      });
    }));

  test(`${name} bridge: closes with all its connections, whatever they do`, async () => {
    const ends: Transport[] = [];
    await meet(rig.lazyPeer(false), ({ port }) =>
      bridged({}, async (bridge, dial) => {
        const stuck = await soon(dial({ host: "127.0.0.1", port }));
        const quiet = await soon(dial({ host: "127.0.0.1", port }));
        ends.push(stuck, quiet);
        const write = ending(stuck.write([new Uint8Array(64 << 20)]));
        await sleep(100);
        await soon(bridge.close());
        assert.equal(await write, "CONNECTION_CLOSED");
        assert.equal(await ending(quiet.read(new Uint8Array(1))), "CONNECTION_CLOSED");
        assert.equal(bridge.connections, 0);
      }));
    for (const end of ends) end.close();
  });

  test(`${name} bridge: a page that sends more than it may is cut off`, () =>
    meet(rig.lazyPeer(false), ({ port }) =>
      bridged({}, async (bridge) => {
        const url = `ws://127.0.0.1:${bridge.address.port}/?to=${encodeURIComponent(`127.0.0.1:${port}`)}`;
        for (const bad of ["-1", "a", new Uint8Array(2 << 20)]) {
          const socket = new WebSocket(url, SUBPROTOCOL);
          const code = await soon(
            new Promise<number>((resolve) => {
              socket.onmessage = () => socket.send(bad);
              socket.onclose = ({ code }) => resolve(code);
            }),
          );
          assert.include([4000, 1006, 1009], code); // 1009: a server that takes no message that large
        }
        await becomes(() => bridge.connections, 0);
      })));

  test(`${name} bridge: a slow reader behind it slows the writer, and nobody holds more than a window`, () =>
    bridged({}, (_, dial) =>
      pair({ ...platform, host: "127.0.0.1", dial, windowMax }, async (client, server) => {
        const size = 64 << 20;
        let sent = 0;
        const writing = (async () => {
          for (; sent < size; sent += 1 << 20) await client.write([new Uint8Array(1 << 20)]);
        })();
        await sleep(300);
        assert.isBelow(sent, windowMax);
        const into = new Uint8Array(1 << 20);
        for (let got = 0; got < size;) got += await soon(server.read(into, into.length)) ?? size;
        await soon(writing);
      })));
}
