/** SaslHandshake and SaslAuthenticate where there is nobody to authenticate: a listener without SASL, or a client that is known already. */

import { errorNumbers } from "../../base/error_codes.ts";
import { saslAuthenticate } from "../../protocol/sasl_authenticate.ts";
import { saslHandshake } from "../../protocol/sasl_handshake.ts";
import { type Handler, handler } from "../call.ts";

const errorCode = errorNumbers.ILLEGAL_SASL_STATE;

/** Answers SaslHandshake; before 1.0 with the mechanisms of other listeners. */
export const saslHandshakeHandler: Handler = handler(saslHandshake, ({ host: { release } }) => ({
  errorCode,
  mechanisms: release.listed.has(saslAuthenticate.key) ? [] : release.saslMechanisms,
}));

/** Answers SaslAuthenticate. */
export const saslAuthenticateHandler: Handler = handler(saslAuthenticate, () => ({
  errorCode,
  errorMessage: "SaslAuthenticate request received after successful authentication",
  authBytes: new Uint8Array(),
}));
