/** What goes wrong at a real socket, and how it is told: a code, where, and within its deadline. */

import { assert } from "chai";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { KafkaError } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";
import { test } from "../harness.ts";
import { server as identity } from "../transport/certificates.ts";
import { door } from "./door.ts";

/** Runs a server on a free port, and closes it with all of its connections. */
async function serving(server: Server, body: (hosts: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    await body(`127.0.0.1:${port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A peer that answers whatever comes with these bytes, once a connection, and hangs up after it if `hangUp`. */
function answering(bytes: readonly number[], hangUp = false): Server {
  return createServer((socket) => {
    socket.once("data", () => {
      socket.write(Uint8Array.from(bytes));
      if (hangUp) socket.end();
    });
  });
}

/** The error that `connect` ends with, and how long that took. */
async function failure(
  options: Partial<Parameters<typeof door.connect>[0]>,
): Promise<{ error: KafkaError; ms: number }> {
  const began = performance.now();
  try {
    const client = await door.connect({ hosts: "", bootstrapTimeoutMs: 1_500, connectTimeoutMs: 1_000, ...options });
    await client.close();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return { error: error as KafkaError, ms: performance.now() - began };
  }
  throw new Error("it connected");
}

/** The error of the one host that was tried. */
function causeOf(error: KafkaError): KafkaError {
  assert.equal(error.code, "NO_BROKERS", error.message);
  assert.isTrue(error.retriable);
  assert.instanceOf(error.cause, KafkaError);
  return error.cause as KafkaError;
}

test("a host that does not exist: NO_BROKERS because of HOST_NOT_FOUND, by the deadline", async () => {
  const { error, ms } = await failure({ hosts: "no.such.host.invalid:9092" });
  const cause = causeOf(error);
  assert.equal(cause.code, "HOST_NOT_FOUND", cause.message);
  assert.equal(cause.broker, "no.such.host.invalid:9092");
  assert.include(error.message, "no.such.host.invalid:9092");
  assert.isBelow(ms, 3_500);
});

test("a port where nobody listens: NO_BROKERS because of CONNECTION_REFUSED", async () => {
  let hosts = "";
  await serving(createServer(), (free) => Promise.resolve(void (hosts = free)));
  const { error, ms } = await failure({ hosts, bootstrapTimeoutMs: 500 });
  const cause = causeOf(error);
  assert.equal(cause.code, "CONNECTION_REFUSED", cause.message);
  assert.equal(cause.broker, hosts);
  assert.isBelow(ms, 2_500);
});

test("a peer that says nothing: NO_BROKERS because of CONNECT_TIMEOUT", async () => {
  await serving(createServer((socket) => socket.resume()), async (hosts) => {
    const { error, ms } = await failure({ hosts, connectTimeoutMs: 300, bootstrapTimeoutMs: 1_000 });
    assert.equal(causeOf(error).code, "CONNECT_TIMEOUT", error.message);
    assert.isBelow(ms, 3_000);
  });
});

test("an HTTP server: NOT_KAFKA at once, with a hint", async () => {
  await serving(createHttpServer(), async (hosts) => {
    const { error, ms } = await failure({ hosts });
    assert.equal(error.code, "NOT_KAFKA", error.message);
    assert.match(error.message, /HTTP/);
    assert.equal(error.broker, hosts);
    assert.isFalse(error.retriable);
    assert.isBelow(ms, 1_400);
  });
});

test("a TLS port spoken to in clear: NOT_KAFKA at once, with a hint", async () => {
  const server = createTlsServer({ ...identity });
  server.on("tlsClientError", () => {});
  await serving(server, async (hosts) => {
    const { error, ms } = await failure({ hosts });
    assert.equal(error.code, "NOT_KAFKA", error.message);
    assert.match(error.message, /TLS/);
    assert.equal(error.broker, hosts);
    assert.isBelow(ms, 1_400);
  });
});

test("a plain port spoken to in TLS: TLS_FAILED at once", async () => {
  await serving(answering([0, 0, 0, 4, 0, 0, 0, 0], true), async (hosts) => {
    const { error, ms } = await failure({ hosts, tls: true });
    assert.equal(error.code, "TLS_FAILED", error.message);
    assert.equal(error.broker, hosts);
    assert.isBelow(ms, 1_400);
  });
});

test("a frame of a negative length: PROTOCOL_ERROR at once", async () => {
  await serving(answering([0xff, 0xff, 0xff, 0xff]), async (hosts) => {
    const { error } = await failure({ hosts });
    assert.equal(error.code, "PROTOCOL_ERROR", error.message);
    assert.equal(error.broker, hosts);
  });
});

test("a frame of 2 GB: FRAME_TOO_LARGE at once, and not a byte of it is allocated", async () => {
  await serving(answering([0x7f, 0xff, 0xff, 0xff]), async (hosts) => {
    const { error } = await failure({ hosts });
    assert.equal(error.code, "FRAME_TOO_LARGE", error.message);
    assert.equal(error.broker, hosts);
  });
});

test("a torn frame: NO_BROKERS because of CONNECTION_RESET", async () => {
  await serving(answering([0, 0, 0, 100, 0, 0, 0, 0], true), async (hosts) => {
    const { error } = await failure({ hosts, bootstrapTimeoutMs: 500 });
    const cause = causeOf(error);
    assert.equal(cause.code, "CONNECTION_RESET", cause.message);
    assert.equal(cause.broker, hosts);
  });
});

test("a wrong correlation id: PROTOCOL_ERROR that names both", async () => {
  await serving(answering([0, 0, 0, 6, 0, 0, 0, 77, 0, 0]), async (hosts) => {
    const { error } = await failure({ hosts });
    assert.equal(error.code, "PROTOCOL_ERROR", error.message);
    assert.match(error.message, /77/);
    assert.equal(error.broker, hosts);
  });
});

test("one bad host does not hide a good one", async () => {
  const cluster = await Cluster.start({ listen: door.listen });
  try {
    await serving(answering([0xff, 0xff, 0xff, 0xff]), async (bad) => {
      const client = await door.connect({ hosts: `no.such.host.invalid:1,${bad},${cluster.hosts}` });
      assert.equal(client.brokers.size, 1);
      await client.close();
    });
  } finally {
    await cluster.close();
  }
});

test("an unknown topic, a message too large, options that are not allowed", async () => {
  const cluster = await Cluster.start({
    listen: door.listen,
    topics: { small: { configs: { "max.message.bytes": "1000" } } },
  });
  const client = await door.connect({ hosts: cluster.hosts });
  const caught = async (work: () => Promise<unknown>): Promise<KafkaError> => {
    try {
      await work();
    } catch (error) {
      assert.instanceOf(error, KafkaError);
      return error as KafkaError;
    }
    throw new Error("it went well");
  };
  try {
    const unknown = await caught(() => client.topic("no.such.topic"));
    assert.equal(unknown.code, "UNKNOWN_TOPIC_OR_PARTITION");
    assert.equal(unknown.topic, "no.such.topic");
    const topic = await client.topic("small");
    const large = await caught(() => topic.producer().produce("x".repeat(5_000)));
    assert.equal(large.code, "MESSAGE_TOO_LARGE");
    assert.equal(large.topic, "small");
    assert.equal(large.partition, 0);
    assert.equal(large.persisted, "no");
    const option = await caught(() => Promise.resolve(topic.producer({ acks: 2 as 1 })));
    assert.equal(option.code, "INVALID_OPTION");
    assert.match(option.message, /acks must be "all", -1, 0, 1, not 2/);
    const name = await caught(() => door.connect({ hosts: cluster.hosts, retries: 3 } as { hosts: string }));
    assert.match(name.message, /no option retries; it knows hosts, clientId/);
    const port = await caught(() => door.connect({ hosts: "127.0.0.1:70000" }));
    assert.match(port.message, /hosts: "127\.0\.0\.1:70000" is not like/);
  } finally {
    await client.close();
    await cluster.close();
  }
});
