/** The demo as a program of its own: it prints what it should, and ends by itself. */

import { assert } from "chai";
import { Cluster } from "@samsa/kafka/testing";
import { test } from "../harness.ts";
import { door, runtime } from "./door.ts";
import { runProgram } from "./program.ts";

const DEMO = new URL(runtime === "deno" ? "../examples/demo.ts" : "../examples/demo.js", import.meta.url);
const MESSAGES = ["0 test message 0", "1 test message 1", "2 test message 4", "3 test message 9"];

test("the demo prints four messages and what it ran on, and ends by itself within five seconds", async () => {
  const { code, stdout, stderr } = await runProgram(DEMO, [], 5_000);
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split("\n");
  assert.deepEqual(lines.slice(0, 4), MESSAGES);
  assert.match(lines[4]!, /embedded Kafka 4\.4\.0 of 3 brokers/);
  assert.equal(lines.length, 5);
});

test("the demo goes round on a cluster over TCP, and again where the topic holds messages already", async () => {
  const cluster = await Cluster.start({ brokers: 2, listen: door.listen });
  try {
    for (let i = 0; i < 2; i++) {
      const { code, stdout, stderr } = await runProgram(DEMO, ["--hosts", cluster.hosts], 10_000);
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trim().split("\n").slice(0, 4), MESSAGES);
    }
  } finally {
    await cluster.close();
  }
});

test("the demo says on a Kafka before 0.10.1 that the topic has to be made first", async () => {
  const cluster = await Cluster.start({ release: "0.9.0.1", listen: door.listen });
  try {
    const { code, stderr } = await runProgram(DEMO, ["--hosts", cluster.hosts], 10_000);
    assert.equal(code, 1);
    assert.match(stderr, /make my\.test by kafka-topics\.sh first/);
  } finally {
    await cluster.close();
  }
});
