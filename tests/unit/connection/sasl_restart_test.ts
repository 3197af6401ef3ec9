/** Brokers before 1.0 that hang up on good credentials, since they start and do not know their users yet. */

import { assert } from "chai";
import type { Opener } from "../../../src/connection/open.ts";
import { plain } from "../../../src/connection/sasl/plain.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { saslHandshake } from "../../../src/protocol/sasl_handshake.ts";
import { test } from "../../harness.ts";
import { failure, simulated } from "../base/simulated.ts";
import { ADDRESS, LABEL, meeting, type Script } from "./peers.ts";

const RANGES = { 3: [0, 5], 17: [0, 0], 18: [0, 1] } as const;
const sasl = plain({ username: "u", password: "p" });

/** A broker that lets in whom it knows. */
const broker = (knows: () => boolean): Script => async (peer) => {
  let asked = (await peer.next())!;
  if (asked.version > 1) {
    await peer.answer(apiVersions, asked, { errorCode: 35, apiKeys: [] }, 0);
    asked = await peer.expect(apiVersions, 0);
  }
  await peer.greet(asked, RANGES);
  await peer.answer(saslHandshake, await peer.expect(saslHandshake, 0), { errorCode: 0, mechanisms: ["PLAIN"] });
  const token = new Uint8Array(4 + "\0u\0p".length);
  assert.equal(await peer.transport.read(token, token.length), token.length);
  if (!knows()) return;
  await peer.write(new Uint8Array(4));
  await peer.ignore();
};

async function refused(opener: Opener): Promise<boolean> {
  const error = await failure(opener.open(ADDRESS), "SASL_AUTHENTICATION_FAILED");
  assert.equal(error.broker, LABEL);
  return error.retriable;
}

test("a broker that hangs up on the first credentials has meant it", async () => {
  await simulated(async (world) => {
    await meeting(world, broker(() => false), async (opener, stage) => {
      assert.isFalse(await refused(opener));
      assert.isFalse(await refused(opener));
      assert.equal(stage.dials.get(LABEL), 4, "each is asked twice");
    }, { sasl });
  });
});

test("one that has let us in before may be starting, for five seconds; then it has meant it, until it lets us in again", async () => {
  await simulated(async (world) => {
    let knows = true;
    await meeting(world, broker(() => knows), async (opener) => {
      for (let i = 0; i < 2; i++) {
        knows = true;
        await (await opener.open(ADDRESS)).close();
        knows = false;
        assert.isTrue(await refused(opener));
        await world.sleep(4_000);
        assert.isTrue(await refused(opener));
        await world.sleep(1_500);
        assert.isFalse(await refused(opener));
      }
    }, { sasl });
  });
});
