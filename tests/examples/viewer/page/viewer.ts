/** The topic viewer: topics, partitions and live messages of a cluster, in a page that talks to Kafka itself. */

import type { KafkaClient, SimpleConsumer, Topic } from "@samsa/kafka";
import { connect } from "@samsa/kafka/websocket";
import { detailsOf, element, type Shown, shownOf, timeOf } from "./message.ts";

/** Messages that are kept and rows that are drawn; the oldest go. */
const KEPT_MAX = 2_000;
const ROWS_MAX = 200;
const BARS_MS = 1_000;
const TOPICS_MS = 10_000;

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

const page = {
  cluster: find("cluster"),
  rate: find("rate"),
  topics: find<HTMLUListElement>("topics"),
  search: find<HTMLInputElement>("search"),
  topic: find("topic"),
  filter: find<HTMLInputElement>("filter"),
  from: find<HTMLSelectElement>("from"),
  pause: find<HTMLButtonElement>("pause"),
  partitions: find("partitions"),
  messages: find<HTMLTableSectionElement>("messages"),
  empty: find("empty"),
  details: find("details"),
};

/** What is read now. */
interface Reading {
  readonly topic: Topic;
  readonly consumer: SimpleConsumer;
  readonly kept: Shown[];
  count: number;
}

let client: KafkaClient;
let reading: Reading | undefined;
let selected: Shown | undefined;
let isPaused = false;
let isStale = false;

/** Why something failed, where everybody sees it. */
function tell(error: unknown): void {
  page.cluster.textContent = error instanceof Error ? error.message : String(error);
  page.cluster.className = "failed";
}

function drawTopics(): void {
  const wanted = page.search.value.trim().toLowerCase();
  const names = [...client.topics.values()].filter(({ name, internal }) =>
    !internal && name.toLowerCase().includes(wanted)
  ).sort((a, b) => a.name < b.name ? -1 : 1);
  page.topics.replaceChildren(...names.map(({ name, partitions }) => {
    const button = element("button", "", element("span", "", name), element("span", "", `${partitions.length}`));
    button.title = `${name}: ${partitions.length} partitions`;
    button.ariaCurrent = `${reading?.topic.name === name}`;
    button.addEventListener("click", () => choose(name).catch(tell));
    return element("li", "", button);
  }));
}

/** Begins to read another topic, or the same one from another place. */
async function choose(name: string): Promise<void> {
  const before = reading;
  reading = undefined;
  await before?.consumer.close();
  const topic = await client.topic(name);
  const consumer = topic.simpleConsumer({ from: page.from.value as "earliest" | "latest", bufferBytes: 4 << 20 });
  const now: Reading = { topic, consumer, kept: [], count: 0 };
  reading = now;
  select(undefined);
  page.topic.textContent = name;
  page.empty.textContent = "No message yet.";
  setPaused(false);
  drawTopics();
  isStale = true;
  read(now).catch((error) => now === reading && tell(error));
  await drawBars();
}

async function read(now: Reading): Promise<void> {
  for await (const message of now.consumer) {
    now.count++;
    now.kept.push(shownOf(message));
    if (now.kept.length > 2 * KEPT_MAX) now.kept.splice(0, KEPT_MAX);
    isStale = true;
  }
}

function setPaused(paused: boolean): void {
  isPaused = paused;
  page.pause.ariaPressed = `${paused}`;
  page.pause.textContent = paused ? "Go on" : "Pause";
  if (reading === undefined || reading.consumer.positions.size === 0) return;
  if (paused) reading.consumer.pause();
  else reading.consumer.resume();
}

/** The newest that the filter lets through come first. */
function visible(): Shown[] {
  const words = page.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = reading?.kept ?? [];
  const rows: Shown[] = [];
  for (let i = kept.length - 1; i >= 0 && rows.length < ROWS_MAX; i--) {
    if (words.every((word) => kept[i]!.searched.includes(word))) rows.push(kept[i]!);
  }
  return rows;
}

function drawMessages(): void {
  const rows = visible();
  page.messages.replaceChildren(...rows.map((message) => {
    const { partition, offset, key, value } = message;
    const texts = [`${partition}`, `${offset}`, timeOf(message), key.slice(0, 100), value.slice(0, 300)];
    const row = element("tr", "", ...texts.map((text) => element("td", "", text)));
    row.ariaSelected = `${message === selected}`;
    row.addEventListener("click", () => select(message));
    return row;
  }));
  page.empty.hidden = rows.length > 0;
}

function select(message: Shown | undefined): void {
  selected = message;
  page.details.hidden = message === undefined;
  page.details.replaceChildren(...message ? detailsOf(message) : []);
  isStale = true;
}

/** Goes so many messages down the list. */
function step(by: number): void {
  const rows = visible();
  const at = rows.indexOf(selected!);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
  if (next !== undefined) select(next);
  drawMessages();
  page.messages.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
}

/** What each partition holds, and how far it has been read. */
async function drawBars(): Promise<void> {
  const now = reading;
  if (now === undefined) return page.partitions.replaceChildren();
  const [earliest, latest] = await Promise.all([now.topic.earliestOffsets(), now.topic.latestOffsets()]);
  if (now !== reading) return;
  page.partitions.replaceChildren(
    ...[...latest].sort(([a], [b]) => a - b).map(([partition, end]) => {
      const begin = earliest.get(partition) ?? 0;
      const position = now.consumer.positions.get(partition) ?? begin;
      const lag = Math.max(0, end - position);
      const bar = document.createElement("progress");
      bar.max = Math.max(1, end - begin);
      bar.value = Math.max(0, position - begin);
      const head = element(
        "div",
        "",
        element("b", "", `${partition}`),
        element("span", "", `${begin} … ${end}`),
        element("span", lag > 0 ? "behind" : "", lag > 0 ? `${lag} behind` : "at the end"),
      );
      return element("div", "partition", head, bar);
    }),
  );
}

function keys(event: KeyboardEvent): void {
  if (event.key === "Escape") {
    (document.activeElement as HTMLElement).blur();
    return select(undefined);
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(input|select)$/i.test((event.target as HTMLElement).tagName)) return;
  const act: Readonly<Record<string, () => void>> = {
    "/": () => page.search.focus(),
    "f": () => page.filter.focus(),
    "j": () => step(1),
    "k": () => step(-1),
    "ArrowDown": () => walkTopics(1),
    "ArrowUp": () => walkTopics(-1),
    " ": () => setPaused(!isPaused),
    "d": switchTheme,
  };
  if (event.key === " " && (event.target as HTMLElement).tagName === "BUTTON") return;
  if (act[event.key] === undefined) return;
  event.preventDefault();
  act[event.key]!();
}

/** The next topic on the left, or the one before. */
function walkTopics(by: number): void {
  const buttons = [...page.topics.querySelectorAll("button")];
  const at = buttons.findIndex((button) => button.ariaCurrent === "true");
  buttons[Math.max(0, Math.min(buttons.length - 1, at + by))]?.click();
}

function switchTheme(): void {
  const root = document.documentElement;
  const isDark = root.className === "dark" ||
    (root.className === "" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.className = isDark ? "light" : "dark";
}

/** Draws what has changed, at the pace of the screen. */
function draw(): void {
  if (isStale) drawMessages();
  isStale = false;
  requestAnimationFrame(draw);
}

let counted: { reading: Reading | undefined; count: number } = { reading: undefined, count: 0 };

/** Once a second, one after the other. */
async function tick(): Promise<void> {
  const fresh = reading === counted.reading ? (reading?.count ?? 0) - counted.count : 0;
  counted = { reading, count: reading?.count ?? 0 };
  page.rate.textContent = reading === undefined ? "" : `${reading.count} read, ${fresh}/s`;
  await drawBars().catch(tell);
  setTimeout(tick, BARS_MS);
}

async function refreshTopics(): Promise<void> {
  await client.refresh().then(drawTopics, tell);
  setTimeout(refreshTopics, TOPICS_MS);
}

async function main(): Promise<void> {
  const { hosts } = await (await fetch("/cluster.json")).json() as { hosts: string };
  client = await connect({ hosts, bridge: "/bridge", clientId: "samsa-viewer" });
  const { brokers, controller, clusterId } = client;
  page.cluster.textContent = `${brokers.size} ${brokers.size === 1 ? "broker" : "brokers"} · ` +
    `controller ${controller?.id ?? "unknown"} · ${clusterId ?? hosts}`;
  page.search.addEventListener("input", drawTopics);
  page.filter.addEventListener("input", () => isStale = true);
  page.from.addEventListener("change", () => reading && choose(reading.topic.name).catch(tell));
  page.pause.addEventListener("click", () => setPaused(!isPaused));
  find("theme").addEventListener("click", switchTheme);
  addEventListener("keydown", keys);
  addEventListener("pagehide", () => client.close());
  drawTopics();
  draw();
  await Promise.all([tick(), refreshTopics()]);
}

main().catch(tell);
