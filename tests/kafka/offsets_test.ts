/** Offsets on real brokers of every age: looked up, committed, resumed from, and the same for their own Java clients. */

import { door } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { RealKafka, releases, resolveJars } from "./launcher.ts";
import { offsetsGoRound } from "./offsets.ts";

for (const release of releases) {
  testWith(
    ["java", "mvn"],
    `Kafka ${release}: offsets are looked up, committed and resumed, beside its Java client`,
    async () => {
      await resolveJars(releases);
      await using kafka = await RealKafka.start({ release });
      const client = await door.connect({ hosts: kafka.hosts });
      try {
        await offsetsGoRound(kafka, client);
      } finally {
        await client.close();
      }
    },
  );
}
