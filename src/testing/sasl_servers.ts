/** The brokers' side of SASL's mechanisms, as far as Kafka's own go without a Kerberos or a key server. */

import type { World } from "../base/world.ts";
import { refusal } from "../connection/sasl/credentials.ts";
import { fromBase64, type Hash, isSame, pbkdf2, toBase64 } from "../connection/sasl/crypto.ts";
import { prove } from "../connection/sasl/scram.ts";

/** What a broker knows when somebody authenticates. */
export interface SaslServerContext {
  /** The broker's time and chance. */
  readonly world: World;
  /** Passwords by user. */
  readonly users: Readonly<Record<string, string>>;
  /** Delegation tokens: HMACs by id. */
  readonly tokens: Readonly<Record<string, string>>;
}

/** What a broker says to one message of a mechanism. */
export interface SaslStep {
  /** What is sent back; nothing if not said. */
  readonly answer?: Uint8Array | undefined;
  /** Who it is, once that is clear: then the authentication is over. */
  readonly user?: string | undefined;
  /** Until when the credentials are good, in milliseconds since 1970, if not for ever. */
  readonly expiresAt?: number | undefined;
}

/** A mechanism, as brokers of an embedded cluster speak it: one of your own can be played, too. */
export interface SaslServer {
  /** Its name. */
  readonly name: string;
  /**
   * Begins one authentication, and gives what takes its messages, one after the other. A `KafkaError` that it throws refuses the
   * client, and its detail is what the client is told.
   */
  begin(context: SaslServerContext): (message: Uint8Array) => SaslStep | Promise<SaslStep>;
}

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function refuse(told: string): never {
  throw refusal(told);
}

/** What Kafka says when a mechanism itself has failed. */
function refuseCredentials(mechanism: string): never {
  refuse(`Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`);
}

const plain: SaslServer = {
  name: "PLAIN",
  begin: ({ users }) => (message) => {
    const tokens = text(message).split("\0");
    if (tokens.length !== 3) refuse(`Invalid SASL/PLAIN response: expected 3 tokens, got ${tokens.length}`);
    const [authorized, user = "", password] = tokens;
    if (password !== own(users, user)) refuse("Authentication failed: Invalid username or password");
    if (authorized !== "" && authorized !== user) {
      refuse("Authentication failed: Client requested an authorization id that is different from username");
    }
    return { user };
  },
};

const ITERATIONS = 4096;

function scram(hash: Hash): SaslServer {
  const name = `SCRAM-${hash}`;
  const fails = () => refuseCredentials(name);
  return {
    name,
    begin: ({ world, users, tokens }) => {
      let expected: { proof: Uint8Array; signature: Uint8Array; bare: string; user: string } | undefined;
      return async (message) => {
        const said = text(message);
        if (expected) {
          const [, bare, proof] = /^(.*),p=([^,]+)$/s.exec(said) ?? [];
          const isRight = bare === expected.bare && isSame(fromBase64(proof ?? "") ?? new Uint8Array(), expected.proof);
          if (!isRight) fails();
          return { answer: utf8.encode(`v=${toBase64(expected.signature)}`), user: expected.user };
        }
        const [, first, escaped, nonce, extensions] = /^n,[^,]*,(n=([^,]+),r=([^,]+)(,.*)?)$/s.exec(said) ?? [];
        const user = (escaped ?? "").replaceAll("=2C", ",").replaceAll("=3D", "=");
        const secret = own(extensions === ",tokenauth=true" ? tokens : users, user);
        if (first === undefined || secret === undefined) fails();
        const salt = world.entropy(16);
        const whole = `${nonce}${toBase64(world.entropy(18))}`;
        const challenge = `r=${whole},s=${toBase64(salt)},i=${ITERATIONS}`;
        const key = await pbkdf2(world, hash, utf8.encode(secret), salt, ITERATIONS);
        const bare = `c=biws,r=${whole}`;
        expected = { ...await prove(world, hash, key, `${first},${challenge},${bare}`), bare, user };
        return { answer: utf8.encode(challenge) };
      };
    },
  };
}

/** As Kafka's unsecured validator: tokens without a signature, with a subject and an end. */
const oauthBearer: SaslServer = {
  name: "OAUTHBEARER",
  begin: ({ world }) => {
    let isTold = false;
    return (message) => {
      const error = '{"status":"invalid_token"}';
      if (isTold) refuse(error);
      const [, bearer = "", ...rest] = text(message).split("\x01");
      if (!bearer.startsWith("auth=Bearer ") || rest.length < 2) {
        refuseCredentials("OAUTHBEARER");
      }
      const token = bearer.slice("auth=Bearer ".length);
      const claims = claimsOf(token);
      if (typeof claims?.["sub"] === "string" && typeof claims["exp"] === "number") {
        const expiresAt = claims["exp"] * 1000;
        if (expiresAt > world.wall()) return { user: claims["sub"], expiresAt };
      }
      isTold = true;
      return { answer: utf8.encode(error) };
    };
  },
};

function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const [head, body, signature] = token.split(".").map((part) => {
    const bytes = fromBase64(
      part.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(part.length / 4) * 4, "="),
    );
    return bytes && text(bytes);
  });
  try {
    if (signature !== "" || JSON.parse(head ?? "").alg !== "none") return undefined;
    return JSON.parse(body ?? "");
  } catch {
    return undefined;
  }
}

function own(record: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The mechanisms that are there by name, in the order in which Kafka got them. */
export const saslServers: ReadonlyMap<string, SaslServer> = new Map(
  [plain, scram("SHA-256"), scram("SHA-512"), oauthBearer].map((server) => [server.name, server]),
);
