/** OAUTHBEARER (RFC 7628): a token that somebody else has signed, and what Kafka lets a client say beside it (KIP-342). */

import { KafkaError } from "../../base/errors.ts";
import { checkOptions, either, type OptionRules, someFunction, someObject, someText } from "../../base/options.ts";
import { credentialsOf, refusal, wordsOf } from "./credentials.ts";
import type { Asked, SaslMechanism } from "./mechanism.ts";

/** A token with what goes along with it. */
export interface OAuthToken {
  /** The token itself, as `Bearer` in front of it would take it: a JWT, mostly. */
  readonly value: string;
  /** What brokers are told beside it, by name: letters only, and not `auth` (KIP-342). */
  readonly extensions?: Readonly<Record<string, string>> | undefined;
}

/** How to come by a token. */
export interface OAuthOptions {
  /**
   * The token; or a function that gives one and is asked at each authentication, so that it can renew what is about to expire: once
   * for each connection, and again before a session ends, which lasts no longer than the token.
   */
  readonly token: Asked<string | OAuthToken>;
}

/**
 * `OAUTHBEARER`, from Kafka 2.0 on: `sasl: oauthBearer({ token: () => fetchToken() })`. What the broker has against a token stands in
 * the error. Throws `INVALID_OPTION`.
 */
export function oauthBearer(options: OAuthOptions): SaslMechanism {
  const { token } = checkOptions("oauthBearer", options, rules, {});
  const ask = credentialsOf<string | OAuthToken>("oauthBearer", token, (value) => void readToken(value));
  return {
    name: "OAUTHBEARER",
    async authenticate({ exchange }) {
      const { value, extensions } = readToken(await ask());
      const pairs = [["auth", `Bearer ${value}`], ...Object.entries(extensions)];
      const first = `n,,\x01${pairs.map(([name, text]) => `${name}=${text}\x01`).join("")}\x01`;
      const answer = await exchange(new TextEncoder().encode(first), value);
      if (answer.length === 0) return;
      // The broker has told why in the answer; this byte acknowledges that, and brings its refusal (RFC 7628, section 3.2.3).
      const why = new TextDecoder().decode(answer).replaceAll(value, "…").slice(0, WHY_MAX);
      try {
        await exchange(Uint8Array.of(1), value);
      } catch (cause) {
        if (!(cause instanceof KafkaError) || cause.code !== "SASL_AUTHENTICATION_FAILED") throw cause;
        throw refusal(`the broker refuses the token: ${why}; ${wordsOf(cause)}`, { broker: cause.broker, cause });
      }
      throw refusal(`the broker refuses the token: ${why}`);
    },
  };
}

const rules: OptionRules<OAuthOptions> = { token: either(someText, someObject, someFunction) };

/** So much of what a broker has against a token is shown. */
const WHY_MAX = 500;

/** `b64token` of RFC 6750. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/** `kvpairs` of RFC 7628. */
const NAME = /^[A-Za-z]+$/;
const VALUE = /^[\x21-\x7e \t\r\n]*$/;

function readToken(
  given: string | OAuthToken,
): Required<OAuthToken> & { extensions: Readonly<Record<string, string>> } {
  const { value, extensions = {} } = typeof given === "string" ? { value: given } : given ?? {};
  // Never the value itself.
  if (typeof value !== "string" || !TOKEN.test(value)) {
    throw new KafkaError("INVALID_OPTION", "oauthBearer: token must be a text of letters, digits and -._~+/");
  }
  for (const [name, text] of Object.entries(extensions)) {
    if (NAME.test(name) && name !== "auth" && typeof text === "string" && VALUE.test(text)) continue;
    const rule = "extensions have names of letters, and values of printable ASCII";
    throw new KafkaError("INVALID_OPTION", `oauthBearer: ${rule}; ${JSON.stringify(name.slice(0, 60))} does not`);
  }
  return { value, extensions };
}
