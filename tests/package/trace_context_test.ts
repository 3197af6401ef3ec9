/** The example of trace context: its format, and a trace that goes through two topics. */

import { assert } from "chai";
import { AsyncLocalStorage } from "node:async_hooks";
import { type Header, KafkaClient, type Message } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";
import {
  childOf,
  formatTraceparent,
  parseTraceparent,
  parseTracestate,
  type TraceContext,
  TraceContextInterceptor,
  traceContextOf,
  traceHeaders,
} from "../examples/trace_context.ts";
import { test } from "../harness.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736", SPAN = "00f067aa0ba902b7";

function headers(...pairs: readonly (readonly [string, string | null])[]): Header[] {
  const encoder = new TextEncoder();
  return pairs.map(([name, value]) => [name, value === null ? null : encoder.encode(value)]);
}

test("traceparent: what is sound is read and written back, what is not begins a new trace", () => {
  const text = `00-${TRACE}-${SPAN}-01`;
  const context = parseTraceparent(text);
  assert.deepEqual(context, { traceId: TRACE, spanId: SPAN, flags: 1 });
  assert.equal(formatTraceparent(context!), text);
  assert.equal(formatTraceparent({ ...context!, flags: 0 }), `00-${TRACE}-${SPAN}-00`);
  assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-03-more`), { traceId: TRACE, spanId: SPAN, flags: 1 });
  assert.deepEqual(parseTraceparent(`01-${TRACE}-${SPAN}-01`)?.flags, 1);
  const bad = [
    "",
    "00",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.more`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
  ];
  for (const text of bad) assert.isUndefined(parseTraceparent(text), JSON.stringify(text));
});

test("tracestate: sound lists pass, others are dropped", () => {
  for (const text of ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "1t@sys=x y", "a_-*/0=!~"]) {
    assert.equal(parseTracestate(text), text);
  }
  assert.equal(parseTracestate(" a=1 ,, b=2\t"), "a=1,b=2");
  const many = Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(",");
  for (const text of ["a", "A=1", "a=", "=1", "a=1,a=2", "a=b=c", "1a=1", `a${"a".repeat(256)}=1`, "a=ü", many]) {
    assert.equal(parseTracestate(text), "", text);
  }
});

test("headers: read without regard to case, once only, with the state in one or in several", () => {
  const parent = `00-${TRACE}-${SPAN}-01`;
  const context = { traceId: TRACE, spanId: SPAN, flags: 1 };
  assert.deepEqual(traceContextOf(headers(["TraceParent", parent])), { ...context, state: "" });
  assert.deepEqual(traceContextOf(headers(["tracestate", "a=1"], ["traceparent", parent], ["tracestate", "b=2"])), {
    ...context,
    state: "a=1,b=2",
  });
  assert.isUndefined(traceContextOf(headers()));
  assert.isUndefined(traceContextOf(headers(["tracestate", "a=1"])));
  assert.isUndefined(traceContextOf(headers(["traceparent", null])));
  assert.isUndefined(traceContextOf(headers(["traceparent", parent], ["traceparent", parent])));
  const full = { ...context, state: "a=1" };
  assert.deepEqual(traceContextOf(headers(...traceHeaders(full))), full);
  assert.equal(traceHeaders({ ...context, state: "" }).length, 1);
});

test("a child has the trace and the state of its parent, or begins a trace", () => {
  const parent = { traceId: TRACE, spanId: SPAN, flags: 0, state: "a=1" };
  const child = childOf(parent);
  assert.deepEqual({ ...child, spanId: SPAN }, parent);
  assert.notEqual(child.spanId, SPAN);
  assert.isDefined(parseTraceparent(formatTraceparent(childOf(undefined))));
});

test("a trace goes through two topics, and messages of other traces keep apart from it", async () => {
  const cluster = await Cluster.start({ topics: { orders: {}, invoices: {} } });
  const where = new AsyncLocalStorage<TraceContext | undefined>();
  const received: [topic: string, context: TraceContext | undefined][] = [];
  const tracing = new TraceContextInterceptor({
    current: () => where.getStore(),
    received: ({ topic }, context) => void received.push([topic, context]),
  });
  const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial, interceptors: [tracing] });
  try {
    const orders = await client.topic("orders"), invoices = await client.topic("invoices");
    const producer = client.producer();
    const root = { ...childOf(undefined), state: "shop=1" };
    await where.run(root, () => producer.produce({ topic: "orders", value: "in the trace" }));
    await producer.produce({ topic: "orders", value: "on its own" });
    const passedOn = ["traceparent", `00-${TRACE}-${SPAN}-01`] as const;
    await producer.produce({ topic: "orders", value: "from elsewhere", headers: [passedOn] });

    for await (const message of orders.simpleConsumer({ until: "end" })) {
      await where.run(
        traceContextOf(message.headers),
        () => producer.produce({ topic: "invoices", value: message.value }),
      );
    }
    const first: TraceContext[] = [], second: TraceContext[] = [];
    const keep = (into: TraceContext[], { headers }: Message) => into.push(traceContextOf(headers)!);
    for await (const message of orders.simpleConsumer({ until: "end" })) keep(first, message);
    for await (const message of invoices.simpleConsumer({ until: "end" })) keep(second, message);

    assert.deepEqual(first.map(({ state }) => state), ["shop=1", "", ""]);
    assert.equal(first[0]!.traceId, root.traceId);
    assert.notEqual(first[1]!.traceId, root.traceId);
    assert.deepEqual([first[2]!.traceId, first[2]!.spanId], [TRACE, SPAN]);
    for (let i = 0; i < 3; i++) {
      assert.equal(second[i]!.traceId, first[i]!.traceId, "the trace goes on");
      assert.equal(second[i]!.state, first[i]!.state);
      assert.notEqual(second[i]!.spanId, first[i]!.spanId, "in a span of its own");
    }
    assert.equal(new Set([...first, ...second].map(({ spanId }) => spanId)).size, 6);
    assert.equal(received.length, 9);
    assert.deepEqual(received.at(-1), ["invoices", second[2]]);
  } finally {
    await client.close();
    await cluster.close();
  }
});
