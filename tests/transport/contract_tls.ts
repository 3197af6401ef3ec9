/** What a transport promises of certificates and keys: which are believed, which are taken, and how each of the others is refused. */

import { assert } from "chai";
import type { TlsOptions } from "../../src/transport/transport.ts";
import { Authority } from "./authority.ts";
import { dialWith, secure } from "./contract_dials.ts";
import { ending, failure, meet, type Property, type Subject } from "./subject.ts";

const LOCAL = { dns: ["localhost"], ips: ["127.0.0.1"] };
const DAY_MS = 24 * 3600_000;
const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);

/** A key that openssl has encrypted, by either way. */
const ENCRYPTED = [
  "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH0MF8GCSqGSIb3DQEFDTBS\n-----END ENCRYPTED PRIVATE KEY-----\n",
  "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,9F\n\nMIIE\n-----END RSA PRIVATE KEY-----\n",
];

/** Dials a peer that asks for a certificate, and gives the name in ours as the peer reads it. */
async function shown(subject: Subject, identity: TlsOptions, peerCa: string): Promise<unknown> {
  let name: unknown;
  await meet(subject.rig!.strictPeer(peerCa), async ({ port }) => {
    const hear = async () => {
      const transport = await subject.dial({ host: "localhost", port }, { tls: identity });
      try {
        const into = new Uint8Array(40);
        return new TextDecoder().decode(into.subarray(0, await transport.read(into) ?? 0));
      } finally {
        transport.close();
      }
    };
    name = await ending(hear());
  });
  return name;
}

/** Which certificates are believed, and which are not. */
export const certificates: readonly Property[] = [
  {
    name: "a chain, several authorities in one text, one that another has signed, and RSA are believed",
    only: secure,
    check: async (subject) => {
      const [root, other] = [new Authority(), new Authority()];
      const between = new Authority(root);
      const direct = root.sign(LOCAL);
      const deep = between.sign(LOCAL);
      const chain = { cert: deep.cert + between.cert, key: deep.key };
      const many = `# some words\n${other.cert.replaceAll("\n", "\r\n")}\nsubject=/CN=x\n\n${root.cert}`;
      assert.equal(await dialWith(subject, direct, { ca: many }), "connected");
      assert.equal(await dialWith(subject, chain, { ca: many }), "connected");
      assert.equal(await dialWith(subject, deep, { ca: root.cert }), "TLS_FAILED");
      assert.equal(await dialWith(subject, deep, { ca: root.cert + between.cert }), "connected");
      assert.equal(await dialWith(subject, deep, { ca: between.cert }), "connected");
      assert.equal(await dialWith(subject, direct, { ca: other.cert }), "TLS_FAILED");
      assert.equal(await dialWith(subject, root.sign({ ...LOCAL, kind: "rsa" }), { ca: root.cert }), "connected");
    },
  },
  {
    name: "a certificate for a name is none for its address, nor the other way round; a star stands for one word",
    only: secure,
    check: async (subject) => {
      const root = new Authority();
      const ca = root.cert;
      const [byName, byAddress] = [root.sign({ dns: ["localhost"] }), root.sign({ ips: ["127.0.0.1"] })];
      assert.equal(await dialWith(subject, byName, { ca }), "connected");
      assert.equal(await dialWith(subject, byName, { ca }, "127.0.0.1"), "TLS_FAILED");
      assert.equal(await dialWith(subject, byAddress, { ca }, "127.0.0.1"), "connected");
      assert.equal(await dialWith(subject, byAddress, { ca }), "TLS_FAILED");
      assert.equal(await dialWith(subject, root.sign({ dns: ["127.0.0.1"] }), { ca }, "127.0.0.1"), "TLS_FAILED");
      const star = root.sign({ dns: ["*.kafka.example"] });
      assert.equal(await dialWith(subject, star, { ca, serverName: "b1.kafka.example" }), "connected");
      assert.equal(await dialWith(subject, star, { ca, serverName: "b1.eu.kafka.example" }), "TLS_FAILED");
      assert.equal(await dialWith(subject, star, { ca, serverName: "kafka.example" }), "TLS_FAILED");
    },
  },
  {
    name: "what is wrong with a certificate is said, with the option that it is about",
    only: secure,
    check: async (subject) => {
      const root = new Authority();
      const ca = root.cert;
      const words = async (identity: TlsOptions, tls: TlsOptions) => {
        const told: string[] = [];
        assert.equal(
          await dialWith(subject, identity, tls, "localhost", (error) => told.push(error.message)),
          "TLS_FAILED",
        );
        return told.join();
      };
      assert.match(await words(root.sign(LOCAL), { ca: new Authority().cert }), /authority .*tls\.ca/);
      assert.match(await words(root.sign(LOCAL), {}), /authority .*tls\.ca/);
      assert.match(await words(root.sign({ dns: ["b.example"] }), { ca }), /another name.*tls\.serverName/);
      assert.match(await words(root.sign({ ...LOCAL, from: ago(9), until: ago(1) }), { ca }), /has expired/);
      assert.match(await words(root.sign({ ...LOCAL, from: ago(-1), until: ago(-9) }), { ca }), /not valid yet/);
      assert.match(await words(root.sign({ ...LOCAL, use: "client" }), { ca }), /not for servers/);
      await meet(subject.rig!.plainPeer(), async ({ port }) => {
        const { message } = await failure(subject.dial({ host: "localhost", port }, { tls: { ca } }));
        assert.match(message, /does not answer in TLS/);
      });
    },
  },
];

/** Which keys are taken. */
export const keys: readonly Property[] = [
  {
    name: "keys of elliptic curves and RSA in any form, chains, and certificate and key in one text are shown",
    only: secure,
    check: async (subject) => {
      const [server, clients] = [subject.tls!.authority, new Authority()];
      const client = { name: "me", use: "client" } as const;
      const deeper = new Authority(clients);
      const deep = deeper.sign(client);
      const both = clients.sign(client);
      const text = both.key + both.cert;
      for (
        const identity of [
          clients.sign(client),
          clients.sign(client, "sec1"),
          clients.sign({ ...client, kind: "rsa" }),
          clients.sign({ ...client, kind: "rsa" }, "pkcs1"),
          { cert: deep.cert + deeper.cert, key: deep.key },
          { cert: text, key: text },
        ]
      ) assert.equal(await shown(subject, { ca: server, ...identity }, clients.cert), "me");
    },
  },
  {
    name: "a key that is not the certificate's: TLS_FAILED; PEM that is none, or needs a password: INVALID_OPTION",
    only: secure,
    check: async (subject) => {
      const { authority: ca, client, server } = subject.tls!;
      const address = { host: "localhost", port: 1 };
      const refused = async (tls: TlsOptions) => (await failure(subject.dial(address, { tls }))).message;
      await meet(subject.rig!.strictPeer(), async ({ port }) => {
        const wrong = { ca, cert: client.cert, key: server.key };
        const error = await failure(subject.dial({ ...address, port }, { tls: wrong }));
        assert.equal(error.code, "TLS_FAILED");
        assert.match(error.message, /tls\.key is not the key of tls\.cert/);
        assert.notInclude(subject.rig!.inspected(error), keyLine(server.key));
      });
      for (const key of ENCRYPTED) assert.match(await refused({ ca, ...client, key }), /^INVALID_OPTION.*encrypted/);
      assert.match(
        await refused({ ca, ...client, key: client.cert }),
        /^INVALID_OPTION: tls\.key holds no private key/,
      );
      assert.match(await refused({ ca, ...client, cert: client.key }), /^INVALID_OPTION: tls\.cert holds no cert/);
      assert.match(await refused({ ca: "" }), /^INVALID_OPTION: tls\.ca holds no certificate/);
      assert.match(await refused({ ca: "/etc/ca.pem" }), /not its name/);
      assert.match(await refused({ ca: ca.slice(0, 300) }), /^INVALID_OPTION: tls\.ca is cut off/);
      assert.match(await refused({ ca: ca + client.cert.replace(/\n.{8}/, "\n") }), /certificate 2 is damaged/);
      assert.match(await refused({ ca: { ca } as unknown as string }), /^INVALID_OPTION: tls: ca must be the text/);
      const unsafe = { ca, rejectUnauthorized: false } as TlsOptions;
      assert.match(await refused(unsafe), /^INVALID_OPTION: tls has no option rejectUnauthorized/);
    },
  },
  {
    name: "no error shows a key, nor any other text of ours",
    only: secure,
    check: async (subject) => {
      const { authority: ca, client } = subject.tls!;
      const address = { host: "localhost", port: 1 };
      const line = keyLine(client.key);
      const spoilt = [
        { ca, ...client, serverName: "" },
        { ca, cert: client.cert, key: client.key.slice(0, -30) },
        { ca, cert: client.key, key: client.key },
        { ca: client.key, ...client },
        { ca, cert: client.cert, key: [client.key] as unknown as string },
        { ca, ...client, [client.key]: true },
        { ca, cert: client.cert, key: client.key.replace("\nMI", "\nMX") },
        { ca, ...client },
      ];
      for (const [i, tls] of spoilt.entries()) {
        const error = await failure(subject.dial(address, { tls }));
        assert.notInclude(subject.rig!.inspected(error), line, `${i}`);
      }
    },
  },
];

/** A line that is in no other PEM. */
const keyLine = (pem: string): string => pem.split("\n")[1]!.slice(30, 60);
