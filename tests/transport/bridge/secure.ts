/** What a bridge promises of secrets: its own certificate, TLS to the brokers, and passwords that go through it. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { plain } from "../../../src/connection/sasl/plain.ts";
import { scramSha256, scramSha512 } from "../../../src/connection/sasl/scram.ts";
import { connect, type WebSocketConnectOptions } from "../../../src/doors/websocket.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import type { BridgeServer, BridgeServerOptions } from "../../../src/transport/bridge.ts";
import type { Listen, TlsOptions } from "../../../src/transport/transport.ts";
import { CLOSE_CODES, SUBPROTOCOL } from "../../../src/transport/tunnel.ts";
import { webSocketDial } from "../../../src/transport/websocket.ts";
import { test } from "../../harness.ts";
import { authority, client, otherServer, server } from "../certificates.ts";
import * as rig from "../rig.ts";
import { becomes, failure, meet, soon } from "../subject.ts";
import { believing, withWebSocket } from "./believing.ts";
import type { Platform } from "./suite.ts";

const USERS = { alice: "Tr0ub4dor&3" };
const ALICE = { username: "alice", password: USERS.alice };
const TOPIC = "my.test";

/** What fails at once takes one try; so long it takes at most, on a machine with more to do. */
const AT_ONCE_MS = 2_000;

/** A bridge and the brokers behind it. */
interface Stage {
  readonly bridge: BridgeServer;
  readonly hosts: string;
  /** How many connections the brokers have accepted. */
  readonly accepted: () => number;
  /** The options that connect through it. */
  readonly options: (more?: Partial<WebSocketConnectOptions>) => WebSocketConnectOptions;
}

interface Setting {
  readonly cluster?: ClusterOptions;
  readonly listenTls?: TlsOptions;
  readonly bridge?: Partial<BridgeServerOptions>;
  readonly listen?: Listen;
}

type Staged = (setting: Setting, use: (stage: Stage) => Promise<void>) => Promise<void>;

function stagedOn({ listen, serveBridge }: Platform): Staged {
  return async (setting, use) => {
    let count = 0;
    const counting: Listen = async (address) => {
      const listener = await (setting.listen ?? listen)(address, { tls: setting.listenTls });
      return {
        address: listener.address,
        close: () => listener.close(),
        async *[Symbol.asyncIterator]() {
          for await (const transport of listener) {
            count++;
            yield transport;
          }
        },
      };
    };
    const cluster = await Cluster.start({ topics: { [TOPIC]: {} }, listen: counting, ...setting.cluster });
    const bridge = await serveBridge({ allow: cluster.hosts.split(","), path: "/bridge", ...setting.bridge });
    const scheme = setting.bridge?.listenTls ? "wss" : "ws";
    const url = `${scheme}://localhost:${bridge.address.port}/bridge`;
    const options = (more = {}) => ({ hosts: cluster.hosts, bridge: url, ...more });
    try {
      await use({ bridge, hosts: cluster.hosts, accepted: () => count, options });
      await becomes(() => bridge.connections, 0);
    } finally {
      await soon(bridge.close());
      await cluster.close();
    }
  };
}

/** Messages go there and come back. */
async function goRound(options: WebSocketConnectOptions): Promise<void> {
  const client = await soon(connect(options));
  try {
    const topic = await client.topic(TOPIC);
    await soon(topic.producer().produce(["a", "b", "c"]));
    const read: string[] = [];
    for await (const message of topic.simpleConsumer({ until: "end" })) read.push(message.text());
    assert.deepEqual(read.slice(-3), ["a", "b", "c"]);
  } finally {
    await soon(client.close());
  }
}

/** What `connect` fails with, at once and without trying again and again. */
async function refused({ options }: Stage, more: Partial<WebSocketConnectOptions> = {}): Promise<KafkaError> {
  const start = performance.now();
  let count = 0;
  const Own = globalThis.WebSocket;
  class Counted extends Own {
    constructor(...args: ConstructorParameters<typeof Own>) {
      super(...args);
      count++;
    }
  }
  let error!: KafkaError;
  await withWebSocket(Counted, async () => {
    error = await failure(connect(options(more)));
  });
  assert.isBelow(performance.now() - start, AT_ONCE_MS, error.message);
  assert.isFalse(error.retriable, error.message);
  assert.isAtMost(count, 3, "WebSockets for one refusal");
  return error;
}

/** What a page is told by the close of its WebSocket when it speaks first. */
async function closeOf({ bridge, hosts }: Stage): Promise<CloseEvent> {
  const socket = new WebSocket(
    `ws://localhost:${bridge.address.port}/bridge?to=${encodeURIComponent(hosts.split(",")[0]!)}`,
    SUBPROTOCOL,
  );
  return await soon(
    new Promise<CloseEvent>((resolve) => {
      socket.onopen = () => socket.send("100000");
      socket.onmessage = () => socket.send(new Uint8Array(1000));
      socket.onclose = resolve;
    }),
  );
}

/** A line that is in no other PEM. */
const lineOf = (pem: string): string => pem.split("\n")[1]!.slice(30, 60);

function assertNoSecrets(text: string): void {
  assert.notInclude(text, "-----");
  for (const pem of [authority, client.cert, client.key, server.cert, server.key, otherServer.key]) {
    assert.notInclude(text, lineOf(pem));
  }
}

/** Puts a platform's bridge to all of it. */
export function secureSuite(platform: Platform): void {
  const staged = stagedOn(platform);
  ownCertificate(platform, staged);
  passwords(platform, staged);
  brokersTls(platform, staged);
  options(platform);
}

function ownCertificate({ name, serveBridge }: Platform, staged: Staged): void {
  test(`${name} bridge: wss: to who believes its certificate, with TLS and SASL to the brokers; to others it is none`, () =>
    staged({
      cluster: { sasl: { users: USERS } },
      listenTls: server,
      bridge: {
        listenTls: server,
        tls: { ca: authority },
        respond: ({ url }) => new Response(new URL(url).protocol),
      },
    }, async (stage) => {
      const sasl = scramSha256(ALICE);
      assert.equal((await failure(connect(stage.options({ sasl, bootstrapTimeoutMs: 300 })))).code, "NO_BROKERS");
      const dial = webSocketDial(stage.options().bridge);
      const error = await failure(dial({ host: "127.0.0.1", port: 1 }));
      assert.equal(error.code, "CONNECTION_REFUSED");
      assert.equal(stage.accepted(), 0);
      await believing(authority, async () => {
        await goRound(stage.options({ sasl }));
        await goRound(stage.options({ sasl: plain(ALICE) }));
        const wrong = await refused(stage, { sasl: scramSha256({ ...ALICE, password: "hunter2" }) });
        assert.equal(wrong.code, "SASL_AUTHENTICATION_FAILED");
        assert.equal((await failure(dial({ host: "127.0.0.1", port: 1 }))).code, "INVALID_OPTION");
      });
      assert.equal(await rig.secureGet(stage.bridge.address.port, authority), "https:");
    }));

  test(`${name} bridge: closes at once whoever is connected and says nothing`, () =>
    meet(rig.silentPeer(), async (broker) => {
      const upgrade = [
        `GET /?to=127.0.0.1:${broker.port} HTTP/1.1`,
        ...["host: localhost", "connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"],
        ...["sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", `sec-websocket-protocol: ${SUBPROTOCOL}`, "", ""],
      ].join("\r\n");
      for (const [listenTls, words] of [[undefined, ""], [undefined, upgrade], [server, ""]] as const) {
        const bridge = await serveBridge({ allow: [`127.0.0.1:${broker.port}`], listenTls });
        await meet(rig.quietClient(bridge.address.port, words), () => soon(bridge.close(), AT_ONCE_MS));
        await becomes(() => broker.connected, 0);
      }
    }));
}

function passwords({ name }: Platform, staged: Staged): void {
  for (const release of ["4.4.0", "0.10.2.2"]) {
    test(`${name} bridge: SASL goes through it to Kafka ${release}, and what is refused is told at once`, () =>
      staged({ cluster: { sasl: { users: USERS }, release } }, async (stage) => {
        for (const mechanism of [plain, scramSha256, scramSha512]) {
          await goRound(stage.options({ sasl: mechanism(ALICE) }));
          const wrong = await refused(stage, { sasl: mechanism({ ...ALICE, password: "hunter2" }) });
          assert.equal(wrong.code, "SASL_AUTHENTICATION_FAILED");
          assert.notInclude(rig.inspected(wrong), "hunter2");
        }
        assert.equal((await refused(stage)).code, "ILLEGAL_SASL_STATE");
      }));
  }
}

function brokersTls({ name, listen, listenAsking = listen }: Platform, staged: Staged): void {
  test(`${name} bridge: brokers that it does not believe are TLS_FAILED at once, in its words and without a secret`, async () => {
    const cases: readonly [TlsOptions, TlsOptions, RegExp][] = [
      [server, {}, /authority that is not believed: the bridge's option tls\.ca/],
      [server, { ca: client.cert }, /authority that is not believed: the bridge's option tls\.ca/],
      [otherServer, { ca: authority }, /for another name: the bridge's option tls\.serverName/],
    ];
    for (const [listenTls, tls, words] of cases) {
      await staged({ listenTls, bridge: { tls } }, async (stage) => {
        const error = await refused(stage);
        assert.equal(error.code, "TLS_FAILED");
        assert.equal(error.broker, stage.hosts);
        assert.match(error.message, words);
        assert.equal(error.message.split(stage.hosts).length, 2, error.message);
        assertNoSecrets(rig.inspected(error));
        const { code, reason } = await closeOf(stage);
        assert.equal(CLOSE_CODES[code - 4000], "TLS_FAILED");
        assertNoSecrets(reason);
      });
    }
  });

  test(`${name} bridge: shows its certificate to brokers that ask for one; without it, that is TLS_FAILED at once`, async () => {
    const asking = { listen: listenAsking, listenTls: { ...server, ca: authority } };
    await staged({ ...asking, bridge: { tls: { ca: authority, ...client } } }, async (stage) => {
      await goRound(stage.options());
    });
    // A certificate of somebody else's is not looked at here: listeners of Node and Bun hang up on it without the alert of brokers.
    await staged({ ...asking, bridge: { tls: { ca: authority } } }, async (stage) => {
      for (let tries = 0; tries < 5; tries++) {
        const error = await refused(stage);
        assert.equal(error.code, "TLS_FAILED", error.message);
        assert.match(error.message, /the bridge's options tls\.cert and tls\.key/);
        assertNoSecrets(rig.inspected(error));
        const { code, reason } = await closeOf(stage);
        assert.equal(CLOSE_CODES[code - 4000], "TLS_FAILED", `${code} ${reason}`);
        assertNoSecrets(reason);
      }
      assert.equal(stage.accepted(), 0);
    });
  });
}

function options({ name, serveBridge }: Platform): void {
  test(`${name} bridge: certificates and keys of no use are refused before it listens, and a port that is taken`, async () => {
    const serve = async (more: object): Promise<unknown> => {
      const serving = serveBridge({ allow: ["127.0.0.1:1"], ...more });
      serving.then((bridge) => bridge.close(), () => {});
      const error = await failure(serving);
      assertNoSecrets(rig.inspected(error));
      return error.message;
    };
    const { cert, key } = server;
    assert.match(`${await serve({ tls: { ca: "/etc/ca.pem" } })}`, /^INVALID_OPTION: tls\.ca holds no certificate/);
    assert.match(`${await serve({ tls: { cert } })}`, /^INVALID_OPTION: tls\.cert and tls\.key need each other/);
    assert.match(`${await serve({ listenTls: { cert } })}`, /^INVALID_OPTION: listenTls\.cert and listenTls\.key need/);
    assert.match(
      `${await serve({ listenTls: {} })}`,
      /^INVALID_OPTION: listenTls\.cert and listenTls\.key are missing/,
    );
    assert.match(`${await serve({ listenTls: { cert: key, key } })}`, /^INVALID_OPTION: listenTls\.cert holds no cert/);
    assert.match(`${await serve({ listenTls: { cert, key: cert } })}`, /^INVALID_OPTION: listenTls\.key holds no priv/);
    assert.match(
      `${await serve({ listenTls: { cert, key, ca: cert } })}`,
      /^INVALID_OPTION: listenTls has no option ca/,
    );
    assert.match(
      `${await serve({ listenTls: { cert, key: client.key } })}`,
      /^TLS_FAILED: .*listenTls\.key is not the key/,
    );
    const other = await serveBridge({ allow: ["127.0.0.1:1"] });
    assert.match(`${await serve({ port: other.address.port })}`, /^INVALID_OPTION: 127\.0\.0\.1:\d+/);
    await other.close();
  });
}
