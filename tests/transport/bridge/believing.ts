/** A WebSocket that believes an authority: no platform's takes one in the same way. */

import nodeTls from "node:tls";

const tls = nodeTls as typeof nodeTls & { setDefaultCACertificates(certs: readonly string[]): void };

type WebSocketClass = typeof globalThis.WebSocket;

/** Where `Deno` is, its clients of HTTP. */
const { Deno, Bun } = globalThis as {
  Deno?: { createHttpClient(options: { caCerts: string[] }): { close(): void } };
  Bun?: object;
};

/** Another class in the place of the platform's, for as long as `body` lasts. */
export async function withWebSocket(another: WebSocketClass, body: () => Promise<void>): Promise<void> {
  const own = globalThis.WebSocket;
  globalThis.WebSocket = another;
  try {
    await body();
  } finally {
    globalThis.WebSocket = own;
  }
}

/** The class with options that the standard does not know. */
function withOptions(options: object): WebSocketClass {
  return class extends globalThis.WebSocket {
    constructor(...[url, protocols = []]: ConstructorParameters<WebSocketClass>) {
      super(url, { protocols: [protocols].flat(), ...options } as unknown as string[]);
    }
  };
}

/** While `body` lasts, WebSockets believe servers that this authority has signed; on Node everything of the process does. */
export async function believing(ca: string, body: () => Promise<void>): Promise<void> {
  if (Deno !== undefined) {
    const client = Deno.createHttpClient({ caCerts: [ca] });
    try {
      await withWebSocket(withOptions({ client }), body);
    } finally {
      client.close();
    }
  } else if (Bun !== undefined) {
    await withWebSocket(withOptions({ tls: { ca } }), body);
  } else {
    const before = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...before, ca]);
    try {
      await body();
    } finally {
      tls.setDefaultCACertificates(before);
    }
  }
}
