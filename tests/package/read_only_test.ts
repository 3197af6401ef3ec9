/** The example that property-tests brokers, with the embedded ones of several ages. */

import { assert } from "chai";
import { KafkaClient } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";
import { askAll, Line } from "../examples/read_only.ts";
import { test } from "../harness.ts";

for (const release of ["0.10.0.1", "0.10.2.2", "1.1.1", "2.8.2", "4.4.0"]) {
  test(`what the embedded ${release} answers to random questions is read to its end and written back`, async () => {
    const cluster = await Cluster.start({ release, topics: { a: { partitions: 3 }, b: {} } });
    const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial });
    const { host, port } = cluster.brokers[0]!;
    const line = new Line(cluster.dial, host, port);
    try {
      await client.producer().produce(["a", "b"].map((topic) => ({ topic, value: "v".repeat(50), key: "k" })));
      const a = await client.topic("a");
      for await (const _ of a.simpleConsumer({ group: "g", until: "end" }));
      const asked = await askAll(line, { runs: 15 });
      assert.includeMembers(Object.keys(asked), ["ApiVersions", "Metadata", "Fetch", "ListOffsets", "OffsetFetch"]);
    } finally {
      line.close();
      await client.close();
      await cluster.close();
    }
  });
}
