/** Pages that produce and consume in headless Chromium, under a strict policy: on real brokers, and on embedded ones. */

import { assert } from "chai";
import { Cluster } from "../../src/doors/testing.ts";
import { codecs, listen } from "../../src/doors/deno.ts";
import { ROOT } from "../../npm-build/project.ts";
import { RealKafka, resolveJars } from "../kafka/launcher.ts";
import { has, testWith } from "../tools.ts";
import { type Page, withPage } from "./chromium.ts";
import type { Round } from "./round.ts";
import { filesIn, serveSite, urlOf } from "./site.ts";

const WORK = `${ROOT}npm-build/out/client-page`;
const PAGE =
  '<!doctype html><meta charset="utf-8"><title>client</title><script type="module" src="/client.js"></script>';
const RELEASES = ["0.10.2.2", "4.4.0"];

interface Calls {
  readonly violations: readonly string[];
  bridged(options: unknown): Promise<Round>;
  embedded(): Promise<Round>;
  refused(options: unknown): Promise<{ code: string; message: string; ms: number }>;
}

/** A page's global object, as its script makes it. */
type Ready = { readonly calls: Calls };

/** Not lowered, since this browser is of today. */
async function bundlePage(): Promise<void> {
  const args = ["bundle", "--quiet", "--platform=browser", `--outdir=${WORK}`, `${ROOT}tests/browser/pages/client.ts`];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  assert.isTrue(success, new TextDecoder().decode(stderr));
}

await bundlePage();
if (has("java") && has("mvn")) await resolveJars(RELEASES);

/** Opens the page, and looks at the end whether the policy had to refuse anything. */
async function inPage(allow: readonly string[], use: (page: Page) => Promise<void>): Promise<void> {
  const files = filesIn(WORK);
  const site = await serveSite((path) => path === "/index.html" ? Promise.resolve(PAGE) : files(path), allow);
  try {
    await withPage(async (page, told) => {
      await page.goto(urlOf(site));
      await page.waitForFunction(() => (globalThis as unknown as Ready).calls);
      await use(page);
      assert.deepEqual(await page.evaluate(() => (globalThis as unknown as Ready).calls.violations), []);
      assert.deepEqual(told.filter((line) => !/favicon|WebSocket|404/.test(line)), []);
    });
    assert.equal(site.connections, 0, "a client that has closed leaves no connection");
  } finally {
    await site.close();
  }
}

function assertRound({ produced, consumed, wrong }: Round, codecs: number): void {
  assert.deepEqual(wrong, []);
  assert.equal(produced, codecs * 501);
  assert.equal(consumed, produced);
}

for (const release of RELEASES) {
  testWith(
    ["playwright", "chromium", "java", "mvn"],
    `a page produces to Kafka ${release} and consumes from it`,
    async () => {
      await using kafka = await RealKafka.start({ release });
      await kafka.createTopic("pages", { partitions: 3 });
      await inPage(kafka.hosts.split(","), async (page) => {
        const hasHeaders = release === "4.4.0";
        const options = { hosts: kafka.hosts, topic: "pages", wanted: ["none", "gzip", "snappy", "lz4"], hasHeaders };
        const bridged = (options: unknown) => (globalThis as unknown as Ready).calls.bridged(options);
        assertRound(await page.evaluate(bridged, options as unknown), 4);
      });
    },
  );
}

testWith(["playwright", "chromium"], "a page runs an embedded cluster, and one through the bridge", async () => {
  const cluster = await Cluster.start({ brokers: 3, listen, codecs, topics: { t: { partitions: 3 } } });
  try {
    await inPage(cluster.hosts.split(","), async (page) => {
      assertRound(await page.evaluate(() => (globalThis as unknown as Ready).calls.embedded()), 4);
      const options = { hosts: cluster.hosts, topic: "t", wanted: ["none", "gzip", "snappy"], hasHeaders: true };
      const bridged = (options: unknown) => (globalThis as unknown as Ready).calls.bridged(options);
      assertRound(await page.evaluate(bridged, options as unknown), 3);
    });
  } finally {
    await cluster.close();
  }
});

testWith(
  ["playwright", "chromium"],
  "what a page cannot have is told at once, and says how",
  () =>
    inPage(["127.0.0.1:9"], async (page) => {
      const refused = (options: unknown) => (globalThis as unknown as Ready).calls.refused(options);
      const strange = await page.evaluate(refused, { hosts: "127.0.0.1:1" } as unknown);
      assert.equal(strange.code, "INVALID_OPTION");
      assert.match(strange.message, /127\.0\.0\.1:1: the bridge is not allowed to connect to it/);
      assert.isBelow(strange.ms, 5_000);
      const secure = await page.evaluate(refused, { hosts: "127.0.0.1:9", tls: true } as unknown);
      assert.equal(secure.code, "UNSUPPORTED_FEATURE");
      assert.match(secure.message, /give tls to the bridge/);
    }),
);
