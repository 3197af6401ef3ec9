/** Secured brokers of every age: TLS from 0.9 on, SASL from 0.10 on. On Deno from the sources, elsewhere from the package. */

import process from "node:process";
import { runtime } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { RealKafka, resolveJars } from "./launcher.ts";
import { atLeast, releases } from "./releases.ts";
import { renewsSessions, SecurityCheck, SESSION_MS } from "./security.ts";

/** Of each kind one: the oldest SCRAM, with SaslHandshake v0; ZooKeeper; the newest, and that alone where the package is tested. */
const few = runtime === "deno" ? ["0.10.2.2", "2.8.2", "4.4.0"] : ["4.4.0"];

const chosen = process.env.SAMSA_RELEASES === undefined ? few : releases.filter((each) => atLeast(each, "0.9"));

for (const release of chosen) {
  testWith(["java", "mvn"], `Kafka ${release}, secured: every way in, and every wrong one`, async () => {
    await resolveJars(chosen);
    await using kafka = await RealKafka.start({
      ...{ release, secured: true },
      settings: renewsSessions(release) ? { "connections.max.reauth.ms": SESSION_MS } : {},
    });
    await new SecurityCheck(kafka).run();
  });
}
