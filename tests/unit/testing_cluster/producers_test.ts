/** How embedded brokers mind the sequences of idempotent producers: what is written here was seen on real brokers of these releases. */

import { assert } from "chai";
import { initProducerId } from "../../../src/protocol/init_producer_id.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { recordsBuilder } from "../../../src/records/builder.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { ProducerState } from "../../../src/testing/producer_state.ts";
import { SimulatedWorld } from "../../../src/testing/world.ts";
import { test } from "../../harness.ts";
import { batch, changed, Line, onLine, record } from "./line.ts";

const TIME = 1_700_000_000_000;

/** A batch of a producer. */
function numbered(
  [epoch, baseSequence, count = 1]: readonly [epoch: number, sequence: number, count?: number],
  producerId = 7,
  timestamp = TIME,
): Uint8Array {
  const builder = recordsBuilder(2);
  for (let i = 0; i < count; i++) builder.append(record(`${baseSequence + i}`, { timestamp: timestamp + i }));
  const options = { compression: "none" as const, codecs: {}, producerId, producerEpoch: epoch, baseSequence };
  return (builder.build(options) as Uint8Array).slice();
}

async function put(line: Line, version: number, records: Uint8Array, index = 0, name = "t") {
  const body = { acks: -1, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index, records }] }] };
  return (await line.ask(produce, version, body)).responses[0]!.partitionResponses[0]!;
}

/** A batch, and its answer: `@` with the base offset if it is new, `=` if it was there already, else the error. */
type Step = readonly [epoch: number, sequence: number, count: number, outcome: string];

async function play(cluster: Cluster, line: Line, steps: readonly Step[], index = 0): Promise<void> {
  const version = cluster.release.startsWith("0.") ? 3 : 5;
  for (const [epoch, sequence, count, outcome] of steps) {
    const answer = await put(line, version, numbered([epoch, sequence, count]), index);
    const mark = answer.logAppendTimeMs < 0 ? "@" : "=";
    const got = answer.errorCode === 0 ? `${mark}${answer.baseOffset}` : `${answer.errorCode}`;
    assert.equal(got, outcome, `${cluster.release}: epoch ${epoch}, ${count} from ${sequence}`);
    if (mark === "=") assert.equal(answer.logAppendTimeMs, TIME + count - 1);
  }
}

const withTopic = (release: string) => Cluster.start({ release, topics: { t: { partitions: 20 } } });
const NEW = ["1.0.2", "1.1.1", "2.3.1", "2.4.1", "2.8.2", "3.9.2", "4.4.0"];
const MAX = 0x7fffffff;

test("one of a producer's last five batches is answered with its place, and what is out of order refused", async () => {
  for (const release of NEW) {
    const cluster = await withTopic(release);
    await onLine(cluster, async (line) => {
      const twice: Step[] = [[0, 0, 2, "@0"], [0, 2, 2, "@2"], [0, 0, 2, "=0"], [0, 2, 2, "=2"]];
      const partly: Step[] = [[0, 2, 1, "45"], [0, 1, 2, "45"], [0, 3, 1, "45"], [0, 0, 4, "45"], [0, 4, 1, "@4"]];
      await play(cluster, line, [...twice, ...partly]);
      const seven = [0, 1, 2, 3, 4, 5, 6].map((n): Step => [0, n, 1, `@${n}`]);
      await play(cluster, line, [...seven, [0, 0, 1, "45"], [0, 1, 1, "45"], [0, 2, 1, "=2"], [0, 6, 1, "=6"]], 1);
      await play(cluster, line, [[0, 0, 1, "@0"], [0, 5, 1, "45"], [0, 1, 1, "@1"]], 2);
      assert.equal(cluster.partition("t", 2).log.endOffset, 2);
    });
  }
});

test("0.11 knows only the last batch, and has one error for all that is out of order", async () => {
  const cluster = await withTopic("0.11.0.3");
  await onLine(cluster, async (line) => {
    await play(cluster, line, [[0, 0, 2, "@0"], [0, 2, 2, "@2"], [0, 0, 2, "45"], [0, 2, 2, "=2"], [0, 4, 1, "@4"]]);
    await play(cluster, line, [[0, 5, 1, "45"], [0, 0, 1, "@0"]], 1);
  });
});

test("a new epoch begins with sequence 0, and ends the older ones", async () => {
  for (const release of ["0.11.0.3", ...NEW]) {
    const cluster = await withTopic(release);
    await onLine(cluster, async (line) => {
      const first: Step[] = [[0, 0, 1, "@0"], [1, 5, 1, "45"], [1, 1, 1, "45"], [1, 0, 1, "@1"], [0, 1, 1, "47"]];
      const then: Step[] = [[0, 0, 1, "47"], [1, 0, 1, "=1"], [1, 1, 1, "@2"], [3, 0, 1, "@3"], [2, 0, 1, "47"]];
      await play(cluster, line, [...first, ...then]);
    });
  }
});

test("a producer that is not known begins with 0, and since 2.5 with any sequence", async () => {
  for (const release of NEW) {
    const isFree = NEW.indexOf(release) >= NEW.indexOf("2.8.2");
    const cluster = await withTopic(release);
    await onLine(cluster, async (line) => {
      if (!isFree) return await play(cluster, line, [[0, 5, 1, "59"], [3, 7, 1, "59"], [3, 0, 1, "@0"]]);
      await play(cluster, line, [[0, 5, 1, "@0"], [0, 5, 1, "=0"], [0, 6, 1, "@1"], [0, 0, 1, "45"]]);
      await play(cluster, line, [[0, MAX - 1, 2, "@0"], [0, 1, 1, "45"], [0, 0, 1, "@2"], [0, MAX - 1, 2, "=0"]], 1);
      await play(cluster, line, [[0, MAX - 1, 4, "@0"], [0, 1, 1, "45"], [0, 2, 1, "@4"], [0, MAX - 1, 4, "=0"]], 2);
    });
  }
});

test("before 2.4 a producer is forgotten with its last record", async () => {
  for (const release of ["0.11.0.3", ...NEW]) {
    const forgets = ["0.11.0.3", "1.0.2", "1.1.1", "2.3.1"].includes(release);
    const cluster = await withTopic(release);
    await onLine(cluster, async (line) => {
      const three: Step[] = [[5, 0, 1, "@0"], [5, 1, 1, "@1"], [5, 2, 1, "@2"]];
      await play(cluster, line, three);
      cluster.deleteRecords("t", 0, 3);
      await play(
        cluster,
        line,
        forgets
          ? [[4, 0, 1, "@3"], [4, 1, 1, "@4"], [5, 3, 1, "45"]]
          : [[4, 0, 1, "47"], [5, 0, 1, "=0"], [5, 3, 1, "@3"]],
      );
      await play(cluster, line, three, 1);
      cluster.deleteRecords("t", 1, 2);
      await play(cluster, line, [[5, 2, 1, "=2"], [5, 3, 1, "@3"]], 1);
    });
  }
});

test("sequences are looked at after all else, and a duplicate has its own time under the log's start", async () => {
  const cluster = await Cluster.start({
    topics: { t: { partitions: 2 }, small: { configs: { "max.message.bytes": "200" } } },
  });
  await onLine(cluster, async (line) => {
    const first = numbered([0, 0]);
    assert.equal((await put(line, 12, first)).logAppendTimeMs, -1);
    assert.equal((await put(line, 12, changed(first, first.length - 1, 9))).errorCode, 2);
    assert.equal((await put(line, 12, numbered([0, 9, 300]), 0, "small")).errorCode, 10);
    const gap = await put(line, 12, numbered([0, 9, 300]));
    assert.deepInclude(gap, { errorCode: 45, baseOffset: -1, logStartOffset: 0, errorMessage: null });
    cluster.deleteRecords("t", 0, 1);
    const again = await put(line, 12, first);
    assert.deepInclude(again, { errorCode: 0, baseOffset: 0, logAppendTimeMs: TIME, logStartOffset: 1 });
    assert.equal((await put(line, 12, await batch(2, [record("not numbered")]))).baseOffset, 1);
  });
});

test("a producer is forgotten a day after its last record, a week before 3.4, when the broker looks", async () => {
  const DAY = 86_400_000;
  for (
    const [release, given, ms] of [["4.4.0", undefined, DAY], ["2.8.2", undefined, 7 * DAY], [
      "2.8.2",
      3_600_000,
      3_600_000,
    ]] as const
  ) {
    const simulated = new SimulatedWorld(3);
    const world = simulated.process("all");
    const report = await simulated.run(async () => {
      const cluster = await Cluster.start({ world, release, topics: { t: {} }, producerIdExpirationMs: given });
      await onLine(cluster, async (line) => {
        const now = world.wall();
        assert.equal((await put(line, 9, numbered([3, 0], 7, now))).errorCode, 0);
        await world.sleep(ms - 600_000);
        assert.equal((await put(line, 9, numbered([2, 0], 7, now))).errorCode, 47);
        await world.sleep(1_200_000);
        assert.equal((await put(line, 9, numbered([2, 0], 7, now))).baseOffset, 1);
      });
    }, 30 * DAY);
    assert.isUndefined(report.failure);
  }
});

test("what is known of producers follows from the batches that are stored", async () => {
  const cluster = await withTopic("4.4.0");
  await onLine(cluster, async (line) => {
    for (let n = 0; n < 9; n++) await put(line, 12, numbered([n < 3 ? 0 : 1, n < 3 ? n : n - 3]));
    await put(line, 12, numbered([4, 0, 3], 8));
    const { log } = cluster.partition("t", 0);
    const derived = ProducerState.of(log.stored);
    for (const id of [7, 8]) assert.deepEqual(derived.get(id), log.producers.get(id));
    assert.deepEqual(derived.get(7)!.batches.map(({ baseOffset }) => baseOffset), [4, 5, 6, 7, 8]);
    derived.truncateTo(3, log.stored.slice(0, 3));
    assert.equal(derived.size, 1);
    assert.deepEqual(derived.get(7)!.batches.map(({ baseOffset }) => baseOffset), [0, 1, 2]);
    derived.truncateTo(3, []);
    assert.equal(derived.size, 1, "nothing was known of what is gone");
    derived.deleteBefore(3);
    assert.equal(derived.size, 0);
  });
});

test("ids are handed out once in the cluster, in blocks of a broker's own", async () => {
  const cluster = await Cluster.start({ brokers: 2, producerEpochs: 32_766 });
  const ask = async (id: number) => {
    const line = await Line.to(cluster, id);
    const answer = await line.ask(initProducerId, 4, {});
    line.close();
    return [answer.errorCode, answer.producerId, answer.producerEpoch];
  };
  try {
    assert.deepEqual([await ask(2), await ask(1), await ask(2)], [[0, 0, 32_766], [0, 1000, 32_766], [0, 1, 32_766]]);
    await cluster.kill(2);
    await cluster.start(2);
    assert.deepEqual(await ask(2), [0, 2000, 32_766]);
  } finally {
    await cluster.close();
  }
});

test("transactional ids have no coordinator, and half of an id is refused", async () => {
  for (const [release, versions] of [["0.11.0.3", 0], ["2.4.1", 2], ["4.4.0", 5]] as const) {
    const cluster = await Cluster.start({ release });
    await onLine(cluster, async (line) => {
      for (let version = 0; version <= versions; version++) {
        const ask = async (body: object) => (await line.ask(initProducerId, version, body)).errorCode;
        assert.equal(await ask({}), 0);
        assert.equal(await ask({ transactionalId: "" }), 42);
        assert.equal(await ask({ transactionalId: "t" }), 16);
        if (version < 3) continue;
        assert.equal(await ask({ producerId: 5, producerEpoch: 3 }), 0);
        assert.equal(await ask({ producerId: 5 }), 42);
      }
    });
  }
});
