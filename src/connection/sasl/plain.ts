/** PLAIN (RFC 4616): the user's name and password as they are, so that only TLS keeps them from whoever listens. */

import { checkTexts, credentialsOf } from "./credentials.ts";
import type { Asked, SaslMechanism } from "./mechanism.ts";

/** A name and a password. */
export interface UserPassword {
  /** The user's name. */
  readonly username: string;
  /** The password. */
  readonly password: string;
}

/**
 * `PLAIN`, from Kafka 0.10 on: `sasl: plain({ username: "alice", password: "…" })`, or a function that gives the two anew at each
 * authentication. Throws `INVALID_OPTION`.
 */
export function plain(credentials: Asked<UserPassword>): SaslMechanism {
  const ask = credentialsOf<UserPassword>("plain", credentials, (value) => {
    checkTexts("plain", value, ["username", "password"], []);
  });
  return {
    name: "PLAIN",
    async authenticate({ exchange }) {
      const { username, password } = await ask();
      await exchange(new TextEncoder().encode(`\0${username}\0${password}`), password);
    },
  };
}
