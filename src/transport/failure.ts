/** What platforms call their failures, in the codes that all of Samsa uses. */

import { KafkaError, type OwnCode } from "../base/errors.ts";
import { checkTls } from "./pem.ts";
import type { Address, TlsOptions } from "./transport.ts";

/** Errno names (Node, Bun) and class names (Deno). */
const CODES: ReadonlyMap<string, OwnCode> = new Map<string, OwnCode>([
  ["ECONNREFUSED", "CONNECTION_REFUSED"],
  ["ConnectionRefused", "CONNECTION_REFUSED"],
  ["ENOTFOUND", "HOST_NOT_FOUND"],
  ["EAI_AGAIN", "HOST_NOT_FOUND"],
  ["EAI_NODATA", "HOST_NOT_FOUND"],
  ["EAI_NONAME", "HOST_NOT_FOUND"],
  ["DNS_ENOTFOUND", "HOST_NOT_FOUND"],
  ["EHOSTUNREACH", "HOST_UNREACHABLE"],
  ["ENETUNREACH", "HOST_UNREACHABLE"],
  ["EHOSTDOWN", "HOST_UNREACHABLE"],
  ["ENETDOWN", "HOST_UNREACHABLE"],
  ["EADDRNOTAVAIL", "HOST_UNREACHABLE"],
  ["HostUnreachable", "HOST_UNREACHABLE"],
  ["NetworkUnreachable", "HOST_UNREACHABLE"],
  ["AddrNotAvailable", "HOST_UNREACHABLE"],
  ["ETIMEDOUT", "CONNECT_TIMEOUT"],
  ["TimedOut", "CONNECT_TIMEOUT"],
  ["ECONNRESET", "CONNECTION_RESET"],
  ["ECONNABORTED", "CONNECTION_RESET"],
  ["EPIPE", "CONNECTION_RESET"],
  ["ConnectionReset", "CONNECTION_RESET"],
  ["ConnectionAborted", "CONNECTION_RESET"],
  ["BrokenPipe", "CONNECTION_RESET"],
  ["UnexpectedEof", "CONNECTION_RESET"],
  ["ERR_STREAM_DESTROYED", "CONNECTION_CLOSED"],
  ["BadResource", "CONNECTION_CLOSED"],
  ["Interrupted", "CONNECTION_CLOSED"],
  ["EPROTO", "TLS_FAILED"],
  ["InvalidData", "TLS_FAILED"],
  ["EADDRINUSE", "INVALID_OPTION"],
  ["AddrInUse", "INVALID_OPTION"],
  ["NotCapable", "UNSUPPORTED_FEATURE"],
]);

/** How OpenSSL, BoringSSL and Node name what is wrong with a handshake or a certificate. */
const TLS_CODE = /^ERR_(SSL|TLS|OSSL|BORINGSSL)|CERT|CRL|ISSUER|SIGNATURE|HOSTNAME/;

/** Deno tells a failed look-up of a name by its sentence alone. */
const NO_SUCH_NAME = /lookup address|no such host|name or service/i;

/**
 * What is wrong with TLS, in words that name the option: by what OpenSSL, BoringSSL and rustls call it. The first that fits; what
 * the peer complains about (an alert) comes before what we do.
 */
const TLS_WORDS: readonly (readonly [RegExp, string])[] = [
  [/alert.*certificate.?required/i, "asks for a certificate of ours: the options tls.cert and tls.key"],
  [
    /alert.*(bad.?certificate|unknown.?ca|certificate.?(expired|unknown|revoked)|unsupported.?certificate|access.?denied)/i,
    "does not believe our certificate, or wants one: the options tls.cert and tls.key",
  ],
  [
    // Seen of brokers up to 2.8: they send what TLS 1.3 has no place for, where an alert is due.
    /unexpected.?(handshake.?)?message|cannot decrypt|bad.?record.?mac/i,
    "breaks TLS off, as old brokers do that want a certificate or do not believe ours: the options tls.cert and tls.key",
  ],
  [/alert.*handshake.?failure/i, "has no way of TLS in common with us, or wants a certificate: tls.cert and tls.key"],
  [/alert.*protocol.?version/i, "speaks no version of TLS that we speak"],
  [/alert.*unrecognized.?name/i, "does not know the name that it is called by: the option tls.serverName"],
  [
    /wrong.?version.?number|InvalidContentType|packet length too long|http.?request/i,
    "does not answer in TLS: connect without the option tls, or to the port where it speaks TLS",
  ],
  [
    /UNABLE_TO_(VERIFY|GET)|SELF_SIGNED|UnknownIssuer/,
    "shows a certificate of an authority that is not believed: the option tls.ca",
  ],
  [/ALTNAME|not valid for (name|any)/, "shows a certificate that is for another name: the option tls.serverName"],
  [/CERT_HAS_EXPIRED|certificate expired/, "shows a certificate that has expired"],
  [/CERT_NOT_YET_VALID|not valid yet/, "shows a certificate that is not valid yet"],
  [/PURPOSE|extended key usage/, "shows a certificate that is not for servers"],
  [/KEY_VALUES_MISMATCH|KeyMismatch/, "cannot be shown our certificate: tls.key is not the key of tls.cert"],
];

interface PlatformError {
  readonly code?: unknown;
  readonly reason?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly errors?: readonly unknown[];
}

function codeOf({ code, name, message }: PlatformError): OwnCode | undefined {
  const known = CODES.get(String(code)) ?? CODES.get(String(name));
  if (known !== undefined) return known;
  if (typeof code === "string" && TLS_CODE.test(code)) return "TLS_FAILED";
  return NO_SUCH_NAME.test(String(message)) ? "HOST_NOT_FOUND" : undefined;
}

/** The peer, as errors name it. */
export function brokerOf({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The platform's error as ours. `otherwise` is its code when the platform's name for it is not known. */
export function failureOf(error: unknown, broker: string, otherwise: OwnCode): KafkaError {
  if (error instanceof KafkaError) return error;
  const thrown: PlatformError = error instanceof Error ? error : { message: error };
  // Where a name has several addresses there is an error for each of them, and the first says as much as any.
  const first = thrown.errors?.[0];
  const told: PlatformError = first instanceof Error ? first : thrown;
  const code = codeOf(told) ?? otherwise;
  const words = code === "TLS_FAILED" ? wordsFor(told) : `: ${told.message || told.code || told.name}`;
  return new KafkaError(code, broker + words, { broker, cause: error });
}

/** What to do about it, and how the platform puts it: of OpenSSL's lines of numbers and places only the reason. */
function wordsFor({ code, reason, message, name }: PlatformError): string {
  const whole = `${code} ${message}`;
  const words = TLS_WORDS.find(([pattern]) => pattern.test(whole))?.[1];
  const [, last] = /:error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/i.exec(`:${message}`) ?? [];
  const own = last ?? (typeof reason === "string" && reason !== "" ? reason : message || code || name);
  return words === undefined ? `: ${own}` : ` ${words} (${own})`;
}

/** The error of everything that is asked of a connection after its own side has closed it. */
export function closedHere(broker: string): KafkaError {
  return new KafkaError("CONNECTION_CLOSED", `The connection to ${broker} has been closed`, { broker });
}

/** Refuses, alike on all platforms, what none of them can connect to. */
export function checkTarget(address: Address, tls?: TlsOptions): void {
  const { host, port } = address;
  const refuse = (detail: string) => {
    throw new KafkaError("INVALID_OPTION", detail, { broker: brokerOf(address) });
  };
  if (host === "") refuse("The host is an empty text");
  if (!Number.isInteger(port) || port < 0 || port > 65535) refuse(`${port} is not a TCP port: it is from 0 to 65535`);
  if (tls !== undefined) checkTls(tls);
}
