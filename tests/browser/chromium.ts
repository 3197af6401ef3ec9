/** A headless Chromium that tests drive, and the pages in it. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { commandOf } from "../tools.ts";

/** As much of Playwright's page as is used here. */
export interface Page {
  goto(url: string): Promise<unknown>;
  /** Functions, not texts, since the policy forbids to make code of those. */
  waitForFunction(condition: () => unknown, argument?: unknown, options?: { timeout?: number }): Promise<unknown>;
  evaluate<T, A = undefined>(work: (argument: A) => T | Promise<T>, argument?: A): Promise<T>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  emulateMedia(options: { colorScheme: "light" | "dark" }): Promise<void>;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  on(event: "console", listener: (message: { text(): string; type(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: { launch(options: Record<string, unknown>): Promise<Browser> };
}

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

/** Playwright wants a whole path. */
function pathOf(command: string): string | undefined {
  return (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/${command}`).find((path) =>
    existsSync(path)
  );
}

/** Opens a page, and closes the browser afterwards. What the page prints is kept for `told`. */
export async function withPage(use: (page: Page, told: readonly string[]) => Promise<void>): Promise<void> {
  const { chromium } = createRequire(import.meta.url)(`${commandOf("playwright")}/playwright-core`) as Playwright;
  const browser = await chromium.launch({ executablePath: pathOf(commandOf("chromium")), headless: true, args: FLAGS });
  try {
    const page = await browser.newPage();
    const told: string[] = [];
    page.on("console", (message) => told.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => told.push(`error: ${error.stack ?? error}`));
    await use(page, told);
  } finally {
    await browser.close();
  }
}
