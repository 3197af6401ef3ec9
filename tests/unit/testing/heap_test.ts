/** The heap gives what a sorted list would, also when entries leave from its middle. */

import { assert } from "chai";
import fc from "fast-check";
import { type Entry, Heap } from "../../../src/testing/heap.ts";
import { test } from "../../harness.ts";

test("the heap agrees with a sorted list under any pushes, pops and removals", () => {
  const actions = fc.array(fc.tuple(fc.nat(3), fc.nat(20), fc.nat(3)), { maxLength: 200 });
  fc.assert(fc.property(actions, (list) => {
    const heap = new Heap<Entry>();
    const model: Entry[] = [];
    const sort = () => model.sort((a, b) => a.time - b.time || a.tie - b.tie);
    list.forEach(([action, time, which], nth) => {
      if (action <= 1) {
        const entry = { time, tie: which * 1000 + nth, slot: -1 };
        heap.push(entry);
        model.push(entry);
        sort();
      } else if (action === 2) {
        assert.equal(heap.pop(), model.shift());
      } else {
        const [entry] = model.splice((time * 7) % Math.max(1, model.length), 1);
        if (entry === undefined) return;
        heap.remove(entry);
        heap.remove(entry);
        assert.equal(entry.slot, -1);
      }
      assert.equal(heap.first, model[0]);
      assert.equal(heap.size, model.length);
    });
    while (model.length > 0) assert.equal(heap.pop(), model.shift());
    assert.equal(heap.pop(), undefined);
  }));
});
