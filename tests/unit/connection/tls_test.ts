/** TLS as a connection is opened: who is greeted in TLS and wants clear text, and the function that gives the options. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { type ConnectionSettings, Opener } from "../../../src/connection/open.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import type { Dial, TlsOptions } from "../../../src/transport/transport.ts";
import type { World } from "../../../src/base/world.ts";
import { test } from "../../harness.ts";
import { failure, simulated } from "../base/simulated.ts";
import { ADDRESS, LABEL, type Script, Stage } from "./peers.ts";

const reset = () => new KafkaError("CONNECTION_RESET", `${LABEL} hung up while we connected`, { broker: LABEL });

/** A peer that hangs up on every greeting in TLS, and plays the script in clear. */
async function inClear(
  world: World,
  script: Script,
  body: (opener: Opener, dials: string[], stage: Stage) => Promise<void>,
  more: Partial<ConnectionSettings> = {},
): Promise<void> {
  const stage = new Stage(world);
  await stage.play(script);
  const dials: string[] = [];
  const dial: Dial = (address, options) => {
    dials.push(options?.tls ? "tls" : "clear");
    if (options?.tls) return Promise.reject(reset());
    return stage.network.dial(address, options);
  };
  await body(new Opener(stage.settings({ dial, tls: () => ({}), ...more })), dials, stage);
  await stage.end();
}

test("who hangs up on a greeting in TLS and answers in clear is found out at once, and told nothing", async () => {
  const modern: Script = async (peer) => {
    const asked = await peer.expect(apiVersions, 0);
    assert.equal(asked.clientId, "");
    await peer.greet(asked);
    assert.isUndefined(await peer.next());
  };
  const old: Script = async (peer) => { // as 0.9: forgets ApiVersions, answers what comes after it
    await peer.expect(apiVersions, 0);
    await peer.answer(listGroups, await peer.expect(listGroups), { errorCode: 0, groups: [] });
    assert.isUndefined(await peer.next());
  };
  for (const script of [modern, old]) {
    await simulated(async (world) => {
      await inClear(world, script, async (opener, dials) => {
        const error = await failure(opener.open(ADDRESS), "TLS_FAILED");
        assert.match(error.message, /answers in clear.*without the option tls/);
        assert.equal(error.broker, LABEL);
        assert.isFalse(error.retriable);
        assert.equal((error.cause as KafkaError).code, "CONNECTION_RESET");
        assert.deepEqual(dials, ["tls", "clear"]);
      });
      assert.isBelow(world.now(), 1_000);
    });
  }
});

test("who hangs up either way, says something else, or is gone: the reset stays, and may heal", async () => {
  const deaf: Script = async (peer) => void await peer.next();
  const stranger: Script = async (peer) => {
    await peer.next();
    await peer.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  };
  for (const script of [deaf, stranger]) {
    await simulated((world) =>
      inClear(world, script, async (opener, dials) => {
        const error = await failure(opener.open(ADDRESS), "CONNECTION_RESET");
        assert.isTrue(error.retriable);
        assert.deepEqual(dials, ["tls", "clear"]);
      })
    );
  }
  await simulated(async (world) => {
    const gone: Dial = (_address, options) =>
      Promise.reject(options?.tls ? reset() : new KafkaError("CONNECTION_REFUSED", "nobody"));
    await inClear(world, deaf, async (opener) => {
      await failure(opener.open(ADDRESS), "CONNECTION_RESET");
    }, { dial: gone });
  });
});

test("who is silent in clear is not waited for long", async () => {
  await simulated(async (world) => {
    await inClear(world, (peer) => peer.ignore(), async (opener) => {
      await failure(opener.open(ADDRESS), "CONNECTION_RESET");
    });
    assert.isAtMost(world.now(), 2_100);
  });
});

test("a function tls that gives no object is an INVALID_OPTION, and nothing is dialled in clear", async () => {
  const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----";
  for (const given of [undefined, null, true, key]) {
    await simulated(async (world) => {
      await inClear(world, (peer) => peer.ignore(), async (opener, dials) => {
        const error = await failure(opener.open(ADDRESS), "INVALID_OPTION");
        assert.match(error.message, /The function tls must give an object/);
        assert.notInclude(error.message, "MIGH");
        assert.deepEqual(dials, []);
      }, { tls: () => given as unknown as TlsOptions });
    });
  }
});
