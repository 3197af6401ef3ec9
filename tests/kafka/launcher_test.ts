/** The launcher itself: every release starts, we speak what it speaks, its Java client writes and reads back, and nothing is left. */

import { assert } from "chai";
import { testWith } from "../tools.ts";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { askVersions, unspoken } from "./conformance/listed.ts";
import { type JavaCompression, javaConsume, type JavaInput, javaProduce, type JavaRecord } from "./java.ts";
import { RealKafka, releases, resolveJars } from "./launcher.ts";
import { askMetadata, isFree } from "./probe.ts";
import { atLeast } from "./releases.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Records with all that a release can hold. */
function samples(release: string, partition: number): JavaInput[] {
  const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
  const records: JavaInput[] = [
    { partition, key: null, value: utf8("no key") },
    { partition, key: utf8("ключ"), value: new Uint8Array() },
    { partition, key: new Uint8Array(), value: null },
    { partition, key: binary, value: new Uint8Array(10_000).fill(7) },
  ];
  return records.map((record, i) => ({
    ...record,
    ...(atLeast(release, "0.10") && { timestamp: 1_700_000_000_000 + i }),
    ...(atLeast(release, "0.11") &&
      { headers: [["näme", utf8("one")], ["näme", null], ["", new Uint8Array()]] as const }),
  }));
}

/** A record that was read, as the input that it was made of. */
function asInput(release: string, { partition, timestamp, key, value, headers }: JavaRecord): JavaInput {
  return {
    partition,
    key,
    value,
    ...(timestamp !== null && { timestamp }),
    ...(atLeast(release, "0.11") && { headers }),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

for (const release of releases) {
  testWith(["java", "mvn"], `kafka ${release} starts, and its Java client reads what it wrote`, async () => {
    await resolveJars(releases);
    const compressions: JavaCompression[] = ["none", "gzip", "snappy"];
    let pids: number[];
    {
      await using kafka = await RealKafka.start({ release });
      pids = kafka.brokers.map(({ pid }) => pid);
      assert.isTrue(pids.every(isAlive));
      await kafka.createTopic("my.test", { partitions: compressions.length });
      const state = await askMetadata(kafka.brokers[0]?.port ?? 0);
      assert.deepEqual(state?.brokers, [1]);
      if (atLeast(release, "0.10")) assert.deepEqual(unspoken(await askVersions(kafka.brokers[0]?.port ?? 0)), []);
      assert.deepEqual((await kafka.partitions("my.test")).map(({ leader }) => leader), [1, 1, 1]);

      const batches = compressions.map((compression, partition) => ({
        topic: "my.test",
        compression,
        records: samples(release, partition),
      }));
      const places = await javaProduce(kafka, batches);
      assert.deepEqual(
        places,
        batches.flatMap(({ records }, partition) => records.map((_, offset) => ({ partition, offset }))),
      );
      const read = (await javaConsume(kafka, "my.test")).sort((a, b) =>
        a.partition - b.partition || a.offset - b.offset
      );
      assert.deepEqual(read.map((record) => asInput(release, record)), batches.flatMap(({ records }) => records));
      assert.deepEqual(read.map(({ partition, offset }) => ({ partition, offset })), places);
    }
    assert.isFalse(pids.some(isAlive));
  });
}

testWith(
  ["java", "mvn"],
  "kafka 4.4.0 with three brokers survives a kill, a pause and a stop of one of them",
  async () => {
    await using kafka = await RealKafka.start({ release: "4.4.0", brokers: 3 });
    assert.lengthOf(kafka.hosts.split(","), 3);
    await kafka.createTopic("copies", { partitions: 3, replicationFactor: 3, settings: { "min.insync.replicas": 2 } });
    const records = Array.from({ length: 100 }, (_, i) => ({ key: utf8(`${i}`), value: utf8(`value ${i}`) }));
    const [first] = await kafka.partitions("copies");
    const leader = first?.leader ?? 0;

    await kafka.kill(leader);
    const without = kafka.brokers.find(({ id }) => id === leader);
    assert.isFalse(isAlive(without?.pid ?? 0));
    await javaProduce(kafka, [{ topic: "copies", records }]);
    await kafka.start(leader);
    assert.notEqual(kafka.brokers.find(({ id }) => id === leader)?.pid, without?.pid);
    await kafka.inSync("copies");

    await kafka.pause(leader);
    assert.isUndefined(await askMetadata(without?.port ?? 0), "a broker that is held does not answer");
    await kafka.resume(leader);
    assert.isDefined(await askMetadata(without?.port ?? 0));

    await kafka.stop(leader);
    assert.lengthOf(await javaConsume(kafka, "copies"), records.length);
    let refused = "";
    await kafka.kill(leader).catch((error: Error) => refused = error.message);
    assert.include(refused, "does not run");
  },
);

testWith(
  ["java", "mvn"],
  "a cluster ends when the process that started it is killed, held brokers and data too",
  async () => {
    const program = fileURLToPath(new URL("./abandon.ts", import.meta.url));
    const run = "Deno" in globalThis ? ["run", "-A", program] : [program];
    const child = spawn(process.execPath, run, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    const line = await new Promise<string>((resolve) => child.stdout.setEncoding("utf8").once("data", resolve));
    const [one, two, folder] = JSON.parse(line) as [number, number, string];
    // By port, not by process id: one whose parent is gone may keep its id for long after its end.
    const left = async () => !await isFree(one) || !await isFree(two) || existsSync(folder);
    assert.isTrue(!await isFree(one) && !await isFree(two) && existsSync(folder));
    child.kill("SIGKILL");
    await ended;
    for (let i = 0; i < 100 && await left(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.isTrue(await isFree(one), "the first broker runs on");
    assert.isTrue(await isFree(two), "the broker that is held runs on");
    assert.isFalse(existsSync(folder), "their data are still there");
  },
);
