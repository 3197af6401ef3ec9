/** The contract, kept by Deno's sockets. */

import { assert } from "chai";
import { KafkaError } from "../../src/base/errors.ts";
import { dial, listen } from "../../src/transport/deno.ts";
import { test } from "../harness.ts";
import * as tls from "./certificates.ts";
import { contract } from "./contract.ts";
import * as rig from "./rig.ts";

/** What kernels keep between two ends of a loopback connection, with room to spare. */
const windowMax = 24 << 20;

contract({ name: "deno", dial, listen, host: "localhost", rig, windowMax });
/** Deno's `close` waits for the handshake to end (denoland/deno#14547), and no other verb closes the socket. */
const known = ["an abort while a silent peer lets the handshake wait frees the socket"];

contract({ name: "deno tls", dial, listen, host: "localhost", rig, windowMax, tls, known, asksClients: false });

test("deno tls: a certificate of our own and a serverName together are an UNSUPPORTED_FEATURE", async () => {
  const options = { tls: { ca: tls.authority, ...tls.client, serverName: "broker.example" } };
  const error = await dial({ host: "localhost", port: 1 }, options).then(() => undefined, (error) => error);
  assert.instanceOf(error, KafkaError);
  assert.equal(error.code, "UNSUPPORTED_FEATURE");
  assert.equal(error.broker, "localhost:1");
});
