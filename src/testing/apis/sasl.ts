/** SaslHandshake and SaslAuthenticate where there is nobody to authenticate: a listener without SASL, or a client that is known already. */

import { errorNumbers } from "../../base/error_codes.ts";
import { saslAuthenticate } from "../../protocol/sasl_authenticate.ts";
import { saslHandshake } from "../../protocol/sasl_handshake.ts";
import { type Handler, handler } from "../call.ts";

const errorCode = errorNumbers.ILLEGAL_SASL_STATE;

/** Answers SaslHandshake. */
export const saslHandshakeHandler: Handler = handler(saslHandshake, () => ({ errorCode, mechanisms: [] }));

/** Answers SaslAuthenticate. */
export const saslAuthenticateHandler: Handler = handler(saslAuthenticate, () => ({
  errorCode,
  errorMessage: "SaslAuthenticate request received after successful authentication",
  authBytes: new Uint8Array(),
}));
