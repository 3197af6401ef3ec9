/** The benchmark measures what it says: on the embedded cluster, with our own client, in little time. */

import { assert } from "chai";
import { ROOT } from "../../npm-build/project.ts";
import { connect, listen } from "../../src/doors/deno.ts";
import { Cluster } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { optionsOf } from "./bench.ts";
import { selfTimes } from "./cpu_profile.ts";
import { peers } from "./peers.ts";
import { jobOf, profiles, valueForms, valuesOf } from "./profiles.ts";
import { crc32c } from "../../src/bytes/crc32c.ts";
import { partInput, partVerdict } from "./parts.ts";
import { median, rowsOf, tableOf } from "./report.ts";
import { type Run, runAll } from "./run.ts";
import { Stage } from "./stage.ts";
import { verdictsOf, verdictTable } from "./targets.ts";
import type { Client } from "./worker/client.ts";
import { runConsume } from "./worker/consuming.ts";
import type { Result } from "./worker/job.ts";

/** Our client from its sources, on Deno. */
const start = { command: Deno.execPath(), args: ["run", "-A", "tests/bench/worker/main.ts"], cwd: ROOT };

async function embedded(): Promise<Stage> {
  const cluster = await Cluster.start({ listen });
  return Stage.over({ hosts: cluster.hosts, [Symbol.asyncDispose]: () => cluster.close() });
}

async function rejection(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was to fail");
}

test("profiles run, each verified first, and give figures", async () => {
  await using stage = await embedded();
  const how = { rounds: 1, seconds: 0.1, warmupSeconds: 0.05, profileFolder: "" };
  const runs = await runAll(stage, new Map([["samsa-deno", start]]), ["P1", "P4", "E1"], how, () => {});
  assert.deepEqual(runs.map(({ profile, round }) => `${profile} ${round}`), ["P1 0", "P1 1", "P4 0", "P4 1", "E1 1"]);
  assert.deepEqual(runs.flatMap(({ result }) => result.error ?? []), []);
  const rows = rowsOf(runs);
  for (const row of rows) {
    assert.isAbove(row.messagesPerSecond, 0, row.profile);
    assert.isAbove(row.cpuPerMillion, 0, row.profile);
    assert.isAbove(row.rssMax, 1 << 20, row.profile);
  }
  assert.isAbove(rows[1]!.p99!, 0);
  assert.match(tableOf(rows), /^P1: produce 100 B, many at a time\nclient .*\nsamsa-deno .* yes\n/);
});

test("parts of a client run without a broker, each verified first", async () => {
  const how = { rounds: 1, seconds: 0.1, warmupSeconds: 0.05, profileFolder: "" };
  const runs = await runAll(undefined, new Map([["samsa-deno", start]]), ["Dl", "R16k", "Wm", "Wp"], how, () => {});
  assert.deepEqual(runs.flatMap(({ result }) => result.error ?? []), []);
  const rows = rowsOf(runs);
  assert.deepEqual(rows.map(({ profile, verified }) => `${profile} ${verified}`), [
    ...["Dl true", "R16k true", "Wm true", "Wp true"],
  ]);
  for (const row of rows) assert.isAbove(row.cpuPerMillion, 0, row.profile);
  assert.match(tableOf(rows), /^Dl: decompress .*\nclient +MB\/s +CPU s\/GB .*\nsamsa-deno .* yes\n\n.*\nclient +MB/);
});

test("what a part makes is refused if it is wrong", async () => {
  const { codecs } = await import("../../src/doors/codecs.ts");
  const sample = partInput("Kg", "samsa");
  const gzip = codecs.gzip!.compress(sample) as Uint8Array;
  partVerdict("Kg", sample, gzip);
  partVerdict("Dg", gzip, sample);
  const text = (text: string) => new TextEncoder().encode(text);
  const bytes = partInput("R1k", "samsa");
  partVerdict("R1k", bytes, text(String(crc32c(bytes, 0, 1024))));
  assert.throws(
    () => partVerdict("Kg", sample, codecs.gzip!.compress(sample.subarray(1)) as Uint8Array),
    /differs from/,
  );
  assert.throws(() => partVerdict("Dg", gzip, sample.subarray(1)), /differs from/);
  assert.throws(() => partVerdict("R1k", bytes, text("1")), /it differs from/);
  assert.throws(() => partVerdict("Wm", sample, text("bench.topic-0 0 1 1,2,3 1\n")), /it differs from 26 on/);
  assert.throws(() => partVerdict("We", sample, text("")), /it differs from 0 on/);
  assert.throws(() => partVerdict("Wp", sample, Uint8Array.of(0, 0, 0)), /Produce request v9/);
});

test("what is read is compared with what was written", async () => {
  await using stage = await embedded();
  const runs = await runAll(
    stage,
    new Map([["samsa-deno", start]]),
    ["C1"],
    { rounds: 0, seconds: 1, warmupSeconds: 1, profileFolder: "" },
    () => {},
  );
  assert.deepEqual(runs.map(({ result }) => result.error), [undefined]);
});

test("a consumer that leaves out, repeats, changes or reorders is refused", async () => {
  const pool = await Deno.makeTempFile();
  try {
    await Deno.writeFile(pool, valuesOf(valueForms.small));
    const all = valuesOf(valueForms.small);
    const value = (number: number) => all.slice(number * 100, number * 100 + 100);
    const consumed = (...messages: [partition: number, offset: number, value: Uint8Array][]) => {
      const client: Client = {
        produce: () => Promise.reject(new Error("it only consumes")),
        // deno-lint-ignore require-await -- a client's consume is a promise
        async consume(_job, _topic, _from, takes) {
          for (const message of messages) takes.check(...message);
        },
      };
      const fixed = jobOf(profiles["C1"]!, "samsa");
      const names = {
        client: "",
        hosts: "",
        topic: "",
        backlog: "",
        group: "",
        shape: "",
        cpuProfile: "",
        pool,
        output: "",
      };
      return runConsume(client, { ...fixed, ...names, total: 3, verify: true, seconds: 1, warmupSeconds: 1 });
    };
    await consumed([0, 0, value(0)], [1, 0, value(1)], [0, 1, value(2)]);
    const other = value(2);
    other[50]! ^= 1;
    const refused = async (...messages: Parameters<typeof consumed>) => await rejection(consumed(...messages));
    assert.match(await refused([0, 0, value(0)], [0, 2, value(2)]), /offset 2 in partition 0 where 1 was expected/);
    assert.match(await refused([0, 0, value(1)], [0, 1, value(0)]), /number 0 is out of order/);
    assert.match(await refused([0, 0, value(0)], [0, 1, value(1)], [0, 2, other]), /bytes of number 2 differ/);
    assert.match(await refused([0, 0, value(0)], [0, 1, value(1)], [1, 0, value(1)]), /the sum of 3 numbers is wrong/);
  } finally {
    await Deno.remove(pool);
  }
});

test("a log that lacks something, holds something else, or another order is refused", async () => {
  await using stage = await embedded();
  await stage.pool("small");
  const client = await connect({ hosts: stage.hosts });
  const all = valuesOf(valueForms.small);
  const value = (number: number) => all.slice(number * 100, number * 100 + 100);
  const verdict = async (values: Uint8Array[], sent: number, ordered = Infinity) => {
    const name = await stage.topic();
    const topic = await client.topic(name);
    await topic.producer().produce(values.map((value) => ({ value, partition: 0 })));
    await stage.verify(name, "small", { sent, numbered: true, ordered });
  };
  await verdict([value(0), value(1)], 2);
  await verdict([value(1), value(0)], 2, 1);
  const other = value(1);
  other[99]! ^= 1;
  assert.match(await rejection(verdict([value(0)], 2)), /2 messages were acknowledged and 1 are in the log/);
  assert.match(await rejection(verdict([value(0), value(0)], 2)), /number 0 comes behind 0/);
  assert.match(await rejection(verdict([value(0), value(2)], 2)), /no value was sent with the number 2/);
  assert.match(await rejection(verdict([value(1), value(0)], 2)), /number 0 comes behind 1/);
  assert.match(await rejection(verdict([value(0), other], 2)), /the bytes of number 1 differ/);
  assert.match(await rejection(verdict([value(0), value(0)], 2, 1)), /number 0 comes behind 0/);
  await client.close();
});

test("a client that proves wrong is not measured, and is named", async () => {
  await using stage = await embedded();
  const broken = { command: Deno.execPath(), args: ["eval", "console.error('no such client')"], cwd: ROOT };
  const how = { rounds: 2, seconds: 0.1, warmupSeconds: 0.1, profileFolder: "" };
  const runs = await runAll(stage, new Map([["samsa-deno", broken]]), ["P1"], how, () => {});
  assert.deepEqual(runs.map(({ round }) => round), [0]);
  assert.match(tableOf(rowsOf(runs)), /NO\n {2}samsa-deno: exit 0: no such client/);
});

function run(profile: string, client: string, round: number, cpuSeconds: number, more: Partial<Result> = {}): Run {
  const result = { messages: 1e6, seconds: 1, cpuSeconds, rss: 1, heap: 1, buffers: 1, ...more };
  return { profile, client, round, result };
}

test("medians are taken, and ratios round by round", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  // A machine that was three times slower in a round was so for both.
  const runs = [
    ...[run("C1", "samsa", 1, 1), run("C1", "samsa", 2, 3), run("C1", "samsa", 3, 1.2)],
    ...[run("C1", "kafkats", 1, 2), run("C1", "kafkats", 2, 6), run("C1", "kafkats", 3, 1.9)],
    ...[run("P3", "samsa", 1, 1, { p50: 1.5, p99: 3 }), run("P3", "kafkats", 1, 1, { p50: 1, p99: 3 })],
    ...[run("P1", "samsa", 1, 0.35), run("P1", "samsa", 2, 9, { error: "late" })],
    ...[run("P5g", "samsa", 1, 1), run("P5g", "kafkats", 1, 2), run("P5g", "platformatic", 1, 0.5)],
  ];
  const rows = rowsOf(runs);
  assert.equal(rows[0]!.cpuPerMillion, 1.2);
  const verdicts = verdictsOf(runs, rows).map(({ what, measured, verdict }) => [what, measured, verdict]);
  assert.deepEqual(verdicts, [
    ["CPU seconds a million", 0.35, "within 20 %"],
    ["p50 in ms, against kafkats's", 1.5, "short"],
    ["p99 in ms, against kafkats's", 3, "met"],
    ["CPU as a multiple of kafkats's", 0.5, "met"],
    ["CPU as a multiple of the best peer's (platformatic)", 2, "short"],
  ]);
  assert.match(verdictTable(verdictsOf(runs, rows)), /^P1 {3}within 20 % {4}0\.350 of 0\.300 {2}CPU seconds a million/);
});

test("values are the same in every run, carry their number, and lists divide them", () => {
  for (const form of Object.values(valueForms)) {
    const values = valuesOf(form);
    assert.equal(values.length, form.bytes * form.count);
    assert.deepEqual(valuesOf(form), values);
    const second = new TextDecoder().decode(values.subarray(form.bytes, 2 * form.bytes));
    assert.match(second, /^\{"id":"0000000001",[!-z]+$/);
  }
  for (const profile of Object.values(profiles)) {
    for (const { program } of Object.values(peers)) {
      const { listSize, poolCount } = jobOf(profile, program);
      assert.equal(poolCount % listSize, 0, `${profile.title}, ${program}`);
    }
  }
});

test("what was idle, and the profiler, are no part of a CPU profile's shares", () => {
  const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 4 });
  const times = selfTimes({
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("encode", "file:///a/b.js") },
      { id: 3, callFrame: frame("", "file:///a/b.js") },
      { id: 4, callFrame: frame("post", "node:inspector") },
    ],
    samples: [1, 2, 3, 2, 4],
    timeDeltas: [100, 20, 10, 10, 40],
  });
  assert.deepEqual(times, [{ where: "encode b.js:5", share: 0.75 }, { where: "(anonymous) b.js:5", share: 0.25 }]);
});

test("the command line is read, and refused by name", () => {
  const { profiles, clients, rounds } = optionsOf(["--profiles", "P1,C1", "--clients", "samsa", "--rounds", "2"]);
  assert.deepEqual([profiles, clients, rounds], [["P1", "C1"], ["samsa"], 2]);
  assert.throws(() => optionsOf(["--profiles", "P9"]), /there is no P9 among the profiles/);
  assert.throws(() => optionsOf(["--round", "1"]), /cannot read --round/);
  assert.throws(() => optionsOf(["--rounds", "none"]), /--rounds is a number above 0/);
});
