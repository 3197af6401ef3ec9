/** A site with pages under a strict content security policy, and a bridge on the same host. */

import type { BridgeServer } from "../../src/transport/bridge.ts";
import { serveBridge } from "../../src/doors/deno.ts";

/** What every page here is under: nothing but its own scripts, styles and connections; no WebAssembly and no inline code. */
export const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Serves files by their paths, and a bridge at `/bridge` that forwards to what `allow` names. */
export function serveSite(
  file: (path: string) => Promise<string | undefined>,
  allow: readonly string[] = [],
  port = 0,
): Promise<BridgeServer> {
  return serveBridge({
    port,
    path: "/bridge",
    allow,
    async respond(request) {
      const path = new URL(request.url).pathname;
      const text = await file(path === "/" ? "/index.html" : path);
      if (text === undefined) return new Response("There is no such file", { status: 404 });
      const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? TYPES.html!;
      return new Response(text, { headers: { "content-type": type, "content-security-policy": POLICY } });
    },
  });
}

/** Where it is to be looked at. */
export const urlOf = ({ address: { port } }: BridgeServer, host = "127.0.0.1"): string => `http://${host}:${port}/`;

/** The files below a folder; what is not there is undefined. */
export function filesIn(folder: string): (path: string) => Promise<string | undefined> {
  return async (path) => {
    if (path.includes("..")) return undefined;
    try {
      return await Deno.readTextFile(folder + path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  };
}
