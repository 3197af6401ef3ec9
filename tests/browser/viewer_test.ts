/** The topic viewer of the examples, in headless Chromium. */

import { assert } from "chai";
import { ROOT } from "../../npm-build/project.ts";
import { startViewer } from "../examples/viewer/viewer.ts";
import { testWith } from "../tools.ts";
import { type Page, withPage } from "./chromium.ts";

/** As much of the page's document as is looked at. */
interface Seen {
  readonly document: {
    querySelectorAll(selector: string): Iterable<{ textContent: string; hidden: boolean; value: number; max: number }>;
    addEventListener(type: string, listener: (event: { blockedURI: string }) => void): void;
  };
  refused?: string[];
}

const texts = (page: Page, selector: string): Promise<string[]> =>
  page.evaluate(
    (selector) =>
      [...(globalThis as unknown as Seen).document.querySelectorAll(selector)].map((one) => one.textContent),
    selector,
  );

/** Waits until the page shows so many of what a selector finds. */
async function shows(page: Page, selector: string, isEnough: (count: number) => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (isEnough((await texts(page, selector)).length)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${selector}: ${(await texts(page, selector)).length} of them`);
}

testWith(
  ["playwright", "chromium"],
  "the topic viewer shows topics, partitions, live messages and their details",
  async () => {
    const viewer = await startViewer();
    try {
      await withPage(async (page, told) => {
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.emulateMedia({ colorScheme: "light" });
        await page.goto(viewer.url);
        await shows(page, "#topics li", (count) => count === 4);
        assert.deepEqual(await texts(page, "#topics span:first-child"), [
          "audit.log",
          "orders",
          "payments",
          "temperatures",
        ]);
        assert.match((await texts(page, "#cluster"))[0]!, /^3 brokers · controller \d/);

        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        await shows(page, "#messages tr", (count) => count >= 60);
        await shows(page, ".partition", (count) => count === 4);
        assert.equal((await texts(page, "h2"))[0], "orders");
        const before = (await texts(page, "#messages tr")).length;
        await shows(page, "#messages tr", (count) => count > before); // they keep coming

        await page.keyboard.press("j");
        await shows(page, "#details pre", (count) => count === 2);
        assert.include(await texts(page, "#details .name"), '"city":');
        assert.include(await texts(page, "#details dt"), "source");
        await page.screenshot({ path: `${ROOT}npm-build/out/viewer-light.png` });

        await page.fill("#filter", "kyoto");
        await shows(page, "#messages tr", (count) => count > 0 && count < before / 2);
        for (const row of await texts(page, "#messages tr")) assert.match(row, /Kyoto/);
        await page.fill("#filter", "no such word");
        await shows(page, "#messages tr", (count) => count === 0);
        await page.fill("#filter", "");

        await page.click("#pause");
        await new Promise((resolve) => setTimeout(resolve, 600)); // what was under way has come
        const paused = (await texts(page, "#messages tr")).length;
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        assert.equal((await texts(page, "#messages tr")).length, paused);
        await shows(page, ".behind", (count) => count > 0);
        await page.click("#pause");
        await shows(page, "#messages tr", (count) => count > paused);

        await page.click("#theme");
        await page.screenshot({ path: `${ROOT}npm-build/out/viewer-dark.png` });
        assert.deepEqual(told.filter((line) => !line.includes("favicon")), []);
      });
    } finally {
      await viewer.close();
    }
  },
);
