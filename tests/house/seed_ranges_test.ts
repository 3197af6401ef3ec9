/** Many seeds in many processes: each is played once, and whatever becomes of one is told with a command that plays it again. */

import { assert } from "chai";
import { playMany } from "../seed_ranges.ts";

const FIXTURE = new URL("./seed_ranges_fixture.ts", import.meta.url).pathname;

Deno.test("a seed that fails, one that ends its process and one that hangs are told, and the others are played", async () => {
  const printed: string[] = [];
  const started: string[] = [];
  const { played, failed } = await playMany({
    scenarios: ["made-up"],
    ...{ first: 1, seeds: 11, jobs: 2, seedsARange: 8, silenceMsMax: 6000 },
    command: (scenario, first, count) => {
      started.push(`${scenario} ${first} ${count}`);
      const args = ["run", "-A", "--no-check", FIXTURE, `${first}`, `${count}`];
      return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" });
    },
    print: (text) => printed.push(text),
  });
  assert.deepEqual([played, failed], [11, 3]);
  assert.sameMembers(started, ["made-up 1 8", "made-up 9 3", "made-up 6 3", "made-up 8 1"]);
  const about = (seed: number) => printed.filter((text) => text.startsWith(`seed ${seed}:`)).join();
  const again = "to play it again: deno task simulate --scenario made-up";
  assert.include(about(3), "seed 3: oh");
  assert.include(about(3), `${again} --seed 3 --faults '[{"at":1,"kind":"cut","which":3,"ms":1}]' --calls [3] --log`);
  assert.include(about(5), "it hangs, and not in virtual time");
  assert.include(about(5), `${again} --seed 5 --log`);
  assert.include(about(7), "ended with code 3");
  assert.match(printed.at(-1)!, /^11 of 11 seeds played, 3 failed, [\d.]+ a second, \d+ steps each$/);
  assert.lengthOf(printed, 4);
});
