/** What a bridge says when it closes a WebSocket: of all that went wrong what helps, and as much as there is room for. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Bridge } from "../../../src/transport/bridge.ts";
import type { Dial, Transport } from "../../../src/transport/transport.ts";
import { CLOSE_CODES, Tunnel } from "../../../src/transport/tunnel.ts";
import { test } from "../../harness.ts";
import { failure, sleep, soon } from "../subject.ts";

const TLS_CODE = 4000 + CLOSE_CODES.indexOf("TLS_FAILED");

/** What a page is told of a broker that it writes to. */
async function closeOf(target: string, dial: Dial): Promise<[number, string]> {
  const bridge = new Bridge({ allow: [target] }, dial);
  const closing = Promise.withResolvers<[number, string]>();
  const tunnel = bridge.accept(`/?to=${encodeURIComponent(target)}`, {
    send: () => queueMicrotask(() => tunnel.message(new Uint8Array(10))), // it may speak now
    close: (code, reason) => closing.resolve([code, reason]),
  });
  tunnel.message("1000");
  const [code, reason] = await soon(closing.promise);
  tunnel.closed(code, reason);
  await soon(bridge.close());
  return [code, reason];
}

/** A broker that is written to in vain, and then says why, or nothing. */
function resetting(target: string, why: KafkaError | undefined): Transport {
  const closed = Promise.withResolvers<null>();
  return {
    read: () =>
      Promise.race([closed.promise, why === undefined ? closed.promise : sleep(50).then(() => Promise.reject(why))]),
    write: () => Promise.reject(new KafkaError("CONNECTION_RESET", `${target}: reset`)),
    close: () => closed.resolve(null),
  };
}

test("a broker that resets what is written, and then says why, is told by that; one that says nothing, by the reset", async () => {
  const target = "kafka.example:9093";
  const why = new KafkaError("TLS_FAILED", `${target} asks for a certificate: the options tls.cert and tls.key`);
  assert.deepEqual(
    await closeOf(target, () => Promise.resolve(resetting(target, why))),
    [TLS_CODE, " asks for a certificate: the bridge's options tls.cert and tls.key"],
  );
  assert.deepEqual(
    await closeOf(target, () => Promise.resolve(resetting(target, undefined))),
    [4000 + CLOSE_CODES.indexOf("CONNECTION_RESET"), ": reset"],
  );
});

test("a long reason is cut to what a WebSocket carries, and the client puts the broker's name before it, once", async () => {
  const target = `${"b".repeat(90)}.example:9093`;
  const detail = `${target} shows a certificate that is for another name: the option tls.serverName (${
    "ü".repeat(60)
  })`;
  const [code, reason] = await closeOf(target, () => Promise.reject(new KafkaError("TLS_FAILED", detail)));
  assert.equal(code, TLS_CODE);
  assert.isAtMost(new TextEncoder().encode(reason).length, 123);
  assert.match(reason, /^ shows a certificate .* the bridge's option tls\.serverName \(ü+…$/);
  const client = new Tunnel({ send: () => {}, close: () => {} }, target);
  client.closed(code, reason);
  assert.equal((await failure(client.write([]))).message, `TLS_FAILED: ${target}${reason}`);
});
