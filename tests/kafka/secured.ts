/** Real brokers that are secured: their certificates, listeners, users and authorizer, as far as a release has them. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Authority } from "../transport/authority.ts";
import type { Identity } from "../transport/certificates.ts";
import type { JavaSettings } from "./java.ts";
import { atLeast, withoutZooKeeper } from "./releases.ts";
import type { Settings } from "./settings.ts";

/** A listener besides that in clear. MTLS is SSL for clients that show a certificate. */
export type Secure = "SSL" | "MTLS" | "SASL_PLAINTEXT" | "SASL_SSL";

/** A mechanism of SASL. */
export type Mechanism = "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER";

/** The users and their passwords. `admin` may do everything, as may who comes without SASL; `alice` nothing. */
export const users = { admin: "admin-secret", alice: "alice-secret" } as const;

/** The name in the certificate of a client that may do everything. */
export const trustedClient = "trusted";

const storePassword = "changeit";

/** The listeners that a release has. */
export function listenersOf(release: string): Secure[] {
  return [
    "SSL",
    ...atLeast(release, "0.11") ? ["MTLS" as const] : [], // listeners with settings of their own
    ...atLeast(release, "0.10") ? ["SASL_PLAINTEXT" as const, "SASL_SSL" as const] : [],
  ];
}

/** The mechanisms that a release has. */
export function mechanismsOf(release: string): Mechanism[] {
  const scram = withoutZooKeeper(release) ? "3.5" : "0.10.2";
  return [
    ...atLeast(release, "0.10") ? ["PLAIN" as const] : [],
    ...atLeast(release, scram) ? ["SCRAM-SHA-256" as const, "SCRAM-SHA-512" as const] : [],
    ...atLeast(release, "2.0") ? ["OAUTHBEARER" as const] : [],
  ];
}

/** What the brokers log in with, and let in by. */
const LOGINS: Readonly<Record<Mechanism, string>> = {
  PLAIN: "org.apache.kafka.common.security.plain.PlainLoginModule required" +
    ` username="admin" password="${users.admin}"` +
    Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`).join("") + ";",
  "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
  "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
  OAUTHBEARER: "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required" +
    ' unsecuredLoginStringClaim_sub="admin";',
};

/** The security of one cluster. */
export class Security {
  /** The addresses of the brokers by listener; of those that the release has not, none. */
  readonly hosts: Readonly<Record<Secure, string>>;
  /** Who has signed the brokers' certificates, and is believed by them. */
  readonly authority: Authority = new Authority();
  readonly #release: string;
  readonly #folder: string;
  readonly #ports: readonly (readonly number[])[];

  /** For so many brokers, with a port for each listener of each. */
  constructor(release: string, folder: string, ports: readonly (readonly number[])[]) {
    this.#release = release;
    this.#folder = folder;
    this.#ports = ports;
    const at = (name: Secure) => {
      const n = listenersOf(release).indexOf(name);
      return n < 0 ? "" : ports.map((own) => `127.0.0.1:${own[n]}`).join();
    };
    this.hosts = {
      SSL: at("SSL"),
      MTLS: at("MTLS"),
      SASL_PLAINTEXT: at("SASL_PLAINTEXT"),
      SASL_SSL: at("SASL_SSL"),
    };
  }

  /** A certificate for a broker: by name and by address, if not said otherwise. */
  broker(options: { dns?: readonly string[]; ips?: readonly string[]; from?: Date; until?: Date } = {}): Identity {
    return this.authority.sign({ name: "broker", dns: ["localhost"], ips: ["127.0.0.1"], ...options });
  }

  /** A certificate for a client that may do everything. */
  client(options: { from?: Date; until?: Date } = {}): Identity {
    return this.authority.sign({ name: trustedClient, use: "client", ...options });
  }

  /** Writes the brokers' files, which they read when they start; `tool` runs a Java program. */
  async write(own: Identity, tool: (main: string, args: readonly string[]) => Promise<string>): Promise<void> {
    await writeFile(this.#file("ca.pem"), this.authority.cert);
    await writeFile(this.#file("broker.pem"), own.key + own.cert);
    await writeFile(this.#file("jaas.conf"), this.#jaas());
    if (this.#hasPem) return;
    await writeFile(this.#file("broker.cert"), own.cert);
    await writeFile(this.#file("broker.key"), own.key);
    const broker = ["broker.cert", "broker.key", "broker.p12"].map((name) => this.#file(name));
    await tool("KeyStores", [storePassword, ...broker, this.#file("ca.pem"), "-", this.#file("ca.p12")]);
  }

  /** A broker's settings, with these on top: of its first, second, … as `index` says. */
  settings(index: number, own: Settings): Settings {
    const release = this.#release;
    const protocolOf = (name: Secure) => name === "MTLS" ? "SSL" : name;
    const added = listenersOf(release).map((name, n) => `${name}://127.0.0.1:${this.#ports[index]![n]}`);
    const map = [
      own["listener.security.protocol.map"] ?? "PLAINTEXT:PLAINTEXT",
      ...listenersOf(release).map((name) => `${name}:${protocolOf(name)}`),
    ];
    const mechanisms = mechanismsOf(release);
    return {
      ...own,
      listeners: [own.listeners, ...added].join(),
      "advertised.listeners": [own["advertised.listeners"], ...added].join(),
      ...this.#stores(),
      ...(atLeast(release, "0.10.2") && { "listener.security.protocol.map": map.join() }),
      ...(atLeast(release, "0.11") && { "listener.name.mtls.ssl.client.auth": "required" }),
      ...(mechanisms.length > 0 && { "sasl.enabled.mechanisms": mechanisms.join() }),
      ...(atLeast(release, "1.1") && this.#logins(mechanisms)),
      ...this.#authorizer(),
      "super.users": `User:admin;User:ANONYMOUS;User:CN=${trustedClient}`,
      "allow.everyone.if.no.acl.found": false,
    };
  }

  /** What the brokers' JVM needs. Before 1.1 one file has the logins of all listeners. */
  get flags(): readonly string[] {
    return atLeast(this.#release, "1.1") ? [] : [`-Djava.security.auth.login.config=${this.#file("jaas.conf")}`];
  }

  /** What formats a log so that the users of SCRAM are in it, where there is no ZooKeeper. */
  get formatting(): readonly string[] {
    return this.#scram().flatMap((mechanism) =>
      Object.entries(users).flatMap(([name, password]) => [
        "--add-scram",
        `${mechanism}=[name=${name},password=${password}]`,
      ])
    );
  }

  /** Makes the users of SCRAM, where there is a ZooKeeper, or gives one of them another password. */
  async addUsers(
    zooKeeper: string,
    tool: (main: string, args: readonly string[]) => Promise<string>,
    passwords: Readonly<Record<string, string>> = users,
  ): Promise<void> {
    if (this.#scram().length === 0) return;
    await Promise.all(
      Object.entries(passwords).map(([name, password]) => {
        const config = this.#scram().map((mechanism) => `${mechanism}=[password=${password}]`).join();
        const who = ["--entity-type", "users", "--entity-name", name];
        return tool("kafka.admin.ConfigCommand", ["--zookeeper", zooKeeper, "--alter", "--add-config", config, ...who]);
      }),
    );
  }

  /** Settings of the release's own client, by PLAIN where there is SASL. */
  javaSettings(listener: Secure): JavaSettings {
    const [type, file] = this.#hasPem ? ["PEM", "ca.pem"] : ["PKCS12", "ca.p12"];
    const login = "org.apache.kafka.common.security.plain.PlainLoginModule required" +
      ` username="admin" password="${users.admin}";`;
    return {
      "security.protocol": listener,
      "ssl.truststore.type": type!,
      "ssl.truststore.location": this.#file(file!),
      ...(!this.#hasPem && { "ssl.truststore.password": storePassword }),
      ...(listener.startsWith("SASL") && { "sasl.mechanism": "PLAIN", "sasl.jaas.config": login }),
    };
  }

  /** Kafka reads keys without a password from PEM files. */
  get #hasPem(): boolean {
    return atLeast(this.#release, "3.3");
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #scram(): Mechanism[] {
    return mechanismsOf(this.#release).filter((name) => name.startsWith("SCRAM"));
  }

  #stores(): Settings {
    const of = (kind: string, file: string): Settings => ({
      [`ssl.${kind}store.type`]: this.#hasPem ? "PEM" : "PKCS12",
      [`ssl.${kind}store.location`]: this.#file(`${file}.${this.#hasPem ? "pem" : "p12"}`),
      ...(!this.#hasPem && { [`ssl.${kind}store.password`]: storePassword }),
    });
    return {
      ...of("key", "broker"),
      ...of("trust", "ca"),
      ...(!this.#hasPem && { "ssl.key.password": storePassword }),
    };
  }

  #logins(mechanisms: readonly Mechanism[]): Settings {
    return Object.fromEntries(
      ["sasl_plaintext", "sasl_ssl"].flatMap((listener) =>
        mechanisms.map((
          name,
        ) => [`listener.name.${listener}.${name.toLowerCase()}.sasl.jaas.config`, LOGINS[name]])
      ),
    );
  }

  #jaas(): string {
    const logins = new Set(mechanismsOf(this.#release).map((name) => LOGINS[name]));
    return `KafkaServer {\n${[...logins].join("\n")}\n};\n`;
  }

  #authorizer(): Settings {
    const [since24, before] = ["kafka.security.authorizer.AclAuthorizer", "kafka.security.auth.SimpleAclAuthorizer"];
    const name = withoutZooKeeper(this.#release)
      ? "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
      : atLeast(this.#release, "2.4")
      ? since24
      : before;
    return { "authorizer.class.name": name };
  }
}
