/**
 * The topic viewer: serves a page that talks to Kafka by itself, through a bridge to the brokers that it is told of, under a strict
 * policy. `deno run -A tests/examples/viewer/viewer.ts` shows an embedded cluster with some traffic; `--hosts host:port` a real one.
 */

import { connect, listen, serveBridge } from "@samsa/kafka/deno";
import { Cluster } from "@samsa/kafka/testing";

/** Nothing but the page's own scripts, styles and connections. */
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'";

const PAGE = decodeURIComponent(new URL("page/", import.meta.url).pathname);

/** The page's script in one file, as any bundler would make it. */
async function bundled(): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const args = ["bundle", "--quiet", "--platform=browser", "-o", file, `${PAGE}viewer.ts`];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(file);
  }
}

const CITIES = ["Prague", "Brno", "Kyoto", "Lima", "Oslo", "Accra"];

/** An embedded cluster to look at, with messages that keep coming. */
async function demo(): Promise<{ hosts: string; close: () => Promise<void> }> {
  const topics = {
    "orders": { partitions: 4 },
    "payments": { partitions: 2 },
    "temperatures": { partitions: 6 },
    "audit.log": {},
  };
  const cluster = await Cluster.start({ brokers: 3, listen, topics });
  const client = await connect({ hosts: cluster.hosts, clientId: "demo" });
  const producer = client.producer();
  let count = 0;
  const send = async () => {
    const city = CITIES[count % CITIES.length]!;
    const order = {
      id: 1000 + count,
      city,
      items: 1 + count % 4,
      total: 9.5 + (count * 37) % 200,
      express: count % 3 === 0,
    };
    await producer.produce([
      {
        topic: "orders",
        key: `order-${order.id}`,
        value: JSON.stringify(order),
        headers: { source: "web", trace: `${count}` },
      },
      { topic: "payments", key: `order-${order.id}`, value: JSON.stringify({ order: order.id, paid: order.total }) },
      { topic: "temperatures", key: city, value: `${(12 + (count * 7) % 19).toFixed(1)} °C` },
      { topic: "audit.log", value: `order ${order.id} was taken` },
    ]);
    count++;
  };
  for (let i = 0; i < 60; i++) await send();
  const timer = setInterval(() => send().catch(() => {}), 400);
  const close = async () => {
    clearInterval(timer);
    await producer.close();
    await client.close();
    await cluster.close();
  };
  return { hosts: cluster.hosts, close };
}

/** Every broker of a cluster, as its brokers call themselves. */
async function brokersOf(hosts: string): Promise<string[]> {
  const client = await connect({ hosts });
  const brokers = [...client.brokers.values()].map(({ host, port }) =>
    host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
  );
  await client.close();
  return [...new Set([...hosts.split(","), ...brokers])];
}

/** The viewer, until it is closed. */
export interface Viewer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the viewer of a cluster, or of an embedded one if none is given. */
export async function startViewer({ hosts, port = 0 }: { hosts?: string; port?: number } = {}): Promise<Viewer> {
  const script = await bundled();
  const cluster = hosts === undefined ? await demo() : { hosts, close: () => Promise.resolve() };
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    "/": ["text/html", await Deno.readTextFile(`${PAGE}index.html`)],
    "/viewer.css": ["text/css", await Deno.readTextFile(`${PAGE}viewer.css`)],
    "/viewer.js": ["text/javascript", script],
    "/cluster.json": ["application/json", JSON.stringify({ hosts: cluster.hosts })],
  };
  const server = await serveBridge({
    port,
    path: "/bridge",
    allow: await brokersOf(cluster.hosts),
    respond(request) {
      const file = files[new URL(request.url).pathname];
      if (file === undefined) return new Response("There is no such file", { status: 404 });
      const headers = { "content-type": `${file[0]}; charset=utf-8`, "content-security-policy": POLICY };
      return new Response(file[1], { headers });
    },
  });
  return {
    url: `http://127.0.0.1:${server.address.port}/`,
    async close() {
      await server.close();
      await cluster.close();
    },
  };
}

if (import.meta.main) {
  const at = Deno.args.indexOf("--hosts");
  const hosts = at < 0 ? undefined : Deno.args[at + 1];
  const viewer = await startViewer({ ...hosts !== undefined && { hosts }, port: 8080 });
  console.log(`${viewer.url} shows ${hosts ?? "an embedded cluster"}; end it with Ctrl-C`);
}
