/** SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, and neither says it. */

import { KafkaError } from "../../base/errors.ts";
import type { World } from "../../base/world.ts";
import { checkTexts, credentialsOf, refusal } from "./credentials.ts";
import { digest, fromBase64, type Hash, hmac, isSame, pbkdf2, toBase64 } from "./crypto.ts";
import type { Asked, SaslMechanism } from "./mechanism.ts";
import type { UserPassword } from "./plain.ts";

/** Who authenticates, and with what. */
export interface ScramCredentials extends UserPassword {
  /** Whether they are a delegation token's id and HMAC (KIP-48), not a user's; false if not said. */
  readonly tokenAuth?: boolean | undefined;
}

/**
 * `SCRAM-SHA-256`, from Kafka 0.10.2 on: `sasl: scramSha256({ username, password })`, or a function that gives the two anew at each
 * authentication. Throws `INVALID_OPTION`; connecting fails with `UNSUPPORTED_FEATURE` where the platform has no WebCrypto.
 */
export function scramSha256(credentials: Asked<ScramCredentials>): SaslMechanism {
  return scram("SHA-256", credentials);
}

/** `SCRAM-SHA-512`, from Kafka 0.10.2 on; see {@linkcode scramSha256}. */
export function scramSha512(credentials: Asked<ScramCredentials>): SaslMechanism {
  return scram("SHA-512", credentials);
}

/** So many random bytes make a nonce. */
const NONCE_BYTES = 24;
/** Fewer make a password that was overheard too easy to guess (RFC 7677, Kafka's `ScramMechanism`). */
const ITERATIONS_MIN = 4096;
/** More would let a false broker keep us busy: this takes about a second. Kafka's own tools take at most 16,384. */
const ITERATIONS_MAX = 1 << 20;
/** No channel binding: `n,,` in base64. */
const NO_BINDING = "biws";

const utf8 = new TextEncoder();

function scram(hash: Hash, credentials: Asked<ScramCredentials>): SaslMechanism {
  const where = `scramSha${hash.slice(4)}`;
  const ask = credentialsOf<ScramCredentials>(where, credentials, (value) => {
    checkTexts(where, value, ["username", "password"], ["tokenAuth"]);
  });
  return {
    name: `SCRAM-${hash}`,
    async authenticate({ world, exchange }) {
      const { username, password, tokenAuth } = await ask();
      const nonce = toBase64(world.entropy(NONCE_BYTES));
      const first = clientFirst(username, nonce, tokenAuth);
      const text = new TextDecoder();
      const serverFirst = text.decode(await exchange(utf8.encode(`n,,${first}`)));
      const challenge = readChallenge(serverFirst, nonce);
      const bare = `c=${NO_BINDING},r=${challenge.nonce}`;
      const key = await pbkdf2(world, hash, utf8.encode(password), challenge.salt, challenge.iterations);
      const { proof, signature } = await prove(world, hash, key, `${first},${serverFirst},${bare}`);
      const answer = text.decode(await exchange(utf8.encode(`${bare},p=${toBase64(proof)}`)));
      checkVerdict(answer, signature);
    },
  };
}

/** The first message, behind its `n,,`. No other letters are changed: Kafka takes names as they are (`ScramFormatter`). */
export function clientFirst(username: string, nonce: string, tokenAuth = false): string {
  const name = username.replaceAll("=", "=3D").replaceAll(",", "=2C");
  return `n=${name},r=${nonce}${tokenAuth ? ",tokenauth=true" : ""}`;
}

/** What the broker wants: its nonce behind ours, salt, iterations. `PROTOCOL_ERROR` if it makes no sense. */
export function readChallenge(
  message: string,
  nonce: string,
): { readonly nonce: string; readonly salt: Uint8Array; readonly iterations: number } {
  const [, whole, salt, count] = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=(\d{1,10})(?:,.*)?$/.exec(message) ?? [];
  const bytes = salt === undefined ? undefined : fromBase64(salt);
  const iterations = Number(count);
  const fault = whole === undefined || bytes === undefined || bytes.length === 0
    ? "is not of the form r=…,s=…,i=…"
    : !whole.startsWith(nonce) || whole.length === nonce.length
    ? "does not go on from our nonce"
    : iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX
    ? `asks for ${iterations} iterations; ${ITERATIONS_MIN} to ${ITERATIONS_MAX} are allowed`
    : undefined;
  if (fault !== undefined) throw new KafkaError("PROTOCOL_ERROR", `the broker's SCRAM challenge ${fault}`);
  return { nonce: whole!, salt: bytes!, iterations };
}

/** Our proof, and the signature that proves the broker's knowledge in turn (RFC 5802, section 3). */
export async function prove(
  world: World,
  hash: Hash,
  saltedPassword: Uint8Array,
  authMessage: string,
): Promise<{ readonly proof: Uint8Array; readonly signature: Uint8Array }> {
  const sign = (key: Uint8Array, message: string) => hmac(world, hash, key, utf8.encode(message));
  const clientKey = await sign(saltedPassword, "Client Key");
  const clientSignature = await sign(await digest(world, hash, clientKey), authMessage);
  const proof = clientKey.map((byte, i) => byte ^ clientSignature[i]!);
  return { proof, signature: await sign(await sign(saltedPassword, "Server Key"), authMessage) };
}

/** The broker has to prove itself too: who only pretends to be it does not know the password. */
export function checkVerdict(message: string, signature: Uint8Array): void {
  const [, kind, value = ""] = /^([ve])=([^,]+)(?:,.*)?$/.exec(message) ?? [];
  if (kind === "e") throw refusal(`the broker refuses the SCRAM proof: ${value.slice(0, 100)}`);
  if (kind !== "v") throw new KafkaError("PROTOCOL_ERROR", "the broker's last SCRAM message is not of the form v=…");
  if (isSame(fromBase64(value) ?? new Uint8Array(), signature)) return;
  throw refusal("the broker's SCRAM signature is wrong: it does not know the password, so it is not who it seems");
}
