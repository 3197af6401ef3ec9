/** The epochs of a log: where the parts of two logs begin and end that have parted. */

import { assert } from "chai";
import { LeaderEpochs } from "../../../src/testing/leader_epochs.ts";
import { test } from "../../harness.ts";

function epochs(...starts: [number, number][]): LeaderEpochs {
  const all = new LeaderEpochs();
  for (const [epoch, offset] of starts) all.begin(epoch, offset);
  return all;
}

test("an epoch ends where the next one begins, the last at the log's end, one that wrote nothing at the one before", () => {
  const all = epochs([0, 0], [2, 5], [3, 9]);
  const ends = [0, 1, 2, 3].map((epoch) => all.endOf(epoch, 12));
  assert.deepEqual(ends, [
    { epoch: 0, offset: 5 },
    { epoch: 0, offset: 5 },
    { epoch: 2, offset: 9 },
    { epoch: 3, offset: 12 },
  ]);
  assert.deepEqual(all.endOf(4, 12), { epoch: -1, offset: -1 }, "nothing is known of one that is newer");
  assert.deepEqual(all.endOf(-1, 12), { epoch: -1, offset: -1 });
  assert.deepEqual(epochs().endOf(0, 0), { epoch: -1, offset: -1 });
  assert.deepEqual(epochs([4, 7]).endOf(1, 9), { epoch: 1, offset: 7 }, "what is older than all that is left");
});

test("a leader that wrote nothing leaves no trace, and an older one does not come back", () => {
  const all = epochs([0, 0], [1, 4], [2, 4], [1, 6]);
  assert.deepEqual(all.starts, [{ epoch: 0, offset: 0 }, { epoch: 2, offset: 4 }]);
  assert.equal(all.last, 2);
});

test("what is cut off at either end takes its epochs along", () => {
  const all = epochs([0, 0], [1, 4], [2, 8]);
  all.truncateTo(8);
  assert.deepEqual(all.starts, [{ epoch: 0, offset: 0 }, { epoch: 1, offset: 4 }]);
  all.deleteBefore(6);
  assert.deepEqual(all.starts, [{ epoch: 1, offset: 6 }]);
  all.truncateTo(0);
  assert.equal(all.last, -1);
});
