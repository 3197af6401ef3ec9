/** One message as the viewer shows it: what its bytes are, and its details. */

import type { Message } from "@samsa/kafka";

/** What is kept of a message: texts, so that no fetched frame is held. */
export interface Shown {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string;
  readonly value: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bytes: number;
  /** All its texts in lower case, for the filter. */
  readonly searched: string;
}

const VALUE_LENGTH_MAX = 100_000;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Text where the bytes are text, else their hexadecimal digits. */
function textOf(bytes: Uint8Array | null): string {
  if (bytes === null) return "null";
  try {
    return utf8.decode(bytes.subarray(0, VALUE_LENGTH_MAX));
  } catch {
    return `0x ${Array.from(bytes.subarray(0, 512), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
  }
}

/** Takes out of a message what is shown. */
export function shownOf(message: Message): Shown {
  const { partition, offset, timestamp } = message;
  const [key, value] = [textOf(message.key), textOf(message.value)];
  const headers = message.headers.map(([name, value]) => [name, textOf(value)] as const);
  return {
    ...{ partition, offset, timestamp, key, value, headers },
    bytes: (message.key?.length ?? 0) + (message.value?.length ?? 0),
    searched: [key, value, ...headers.flat()].join("\n").toLowerCase(),
  };
}

/** The time of day, to the millisecond. */
export function timeOf({ timestamp }: Shown): string {
  return timestamp < 0 ? "" : new Date(timestamp).toISOString().slice(11, 23);
}

/** An element with texts and elements in it: never HTML of somebody else's. */
export function element(name: string, className: string, ...inside: (Node | string)[]): HTMLElement {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...inside);
  return made;
}

/** JSON with line breaks and colours, or the text as it is. */
function pretty(text: string): Node[] {
  let json: string;
  try {
    json = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return [document.createTextNode(text)];
  }
  const nodes: Node[] = [];
  let at = 0;
  for (const token of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null/gi)) {
    nodes.push(document.createTextNode(json.slice(at, token.index)));
    const kind = token[2] !== undefined ? "name" : token[1] !== undefined ? "text" : "number";
    nodes.push(element("span", kind, token[0]));
    at = token.index + token[0].length;
  }
  return [...nodes, document.createTextNode(json.slice(at))];
}

function list(rows: readonly (readonly [string, string])[]): HTMLElement {
  return element("dl", "", ...rows.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}

/** All that is to be known of a message. */
export function detailsOf(message: Shown): Node[] {
  const time = message.timestamp < 0 ? "none" : new Date(message.timestamp).toISOString();
  const parts: Node[] = [
    list([
      ["partition", `${message.partition}`],
      ["offset", `${message.offset}`],
      ["time", time],
      ["bytes", message.bytes.toLocaleString("en")],
    ]),
  ];
  if (message.headers.length > 0) parts.push(element("h3", "", "Headers"), list(message.headers));
  parts.push(element("h3", "", "Key"), element("pre", "", ...pretty(message.key)));
  parts.push(element("h3", "", "Value"), element("pre", "", ...pretty(message.value)));
  return parts;
}
