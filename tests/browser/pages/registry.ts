/** What a page has in place of three of Node's modules: the tests that were declared, and the timers and sockets that are open. */

/** A test; without a body it is skipped. */
export interface Ran {
  readonly name: string;
  readonly body: (() => void | Promise<void>) | undefined;
}

const tests: Ran[] = [];
const timeouts = new Set<number>();
const sockets = new Set<WebSocket>();

const real = {
  setTimeout: globalThis.setTimeout.bind(globalThis),
  clearTimeout: globalThis.clearTimeout.bind(globalThis),
};

/** The declared tests, and the timers that the runner uses itself, which are not counted. */
export const ran = { tests, ...real };

globalThis.setTimeout = ((fire: () => void, ms?: number): number => {
  const id = real.setTimeout(() => {
    timeouts.delete(id);
    fire();
  }, ms) as unknown as number;
  timeouts.add(id);
  return id;
}) as unknown as typeof setTimeout;

globalThis.clearTimeout = ((id: number | undefined): void => {
  timeouts.delete(id!);
  real.clearTimeout(id);
}) as typeof clearTimeout;

globalThis.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets.add(this);
    this.addEventListener("close", () => sockets.delete(this));
  }
};

/** `test` of `node:test`. */
export const test: {
  (name: string, body: () => void | Promise<void>): void;
  skip(name: string): void;
} = Object.assign((name: string, body: () => void | Promise<void>) => void tests.push({ name, body }), {
  skip: (name: string) => void tests.push({ name, body: undefined }),
});

/** As much of `node:process` as the tests use, so that what a test leaves behind is seen here too. */
export const process = {
  env: {},
  getActiveResourcesInfo: (): string[] => [
    ...Array.from(timeouts, () => "Timeout"),
    ...Array.from(sockets, () => "TCPSocketWrap"),
  ],
};

const channel = new MessageChannel();
const turns: (() => void)[] = [];
channel.port1.onmessage = () => turns.shift()?.();

/** `setImmediate` of `node:timers/promises`. */
export const turn = (): Promise<void> =>
  new Promise((resolve) => {
    turns.push(resolve);
    channel.port2.postMessage(0);
  });

/** `setTimeout` of `node:timers/promises`. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void real.setTimeout(resolve, ms));
