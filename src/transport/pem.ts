/** What is given for TLS, looked over before a platform sees it: each of them takes something else for PEM, and tells less of what is wrong. */

import { KafkaError } from "../base/errors.ts";
import { checkOptions, type OptionRule, type OptionRules } from "../base/options.ts";
import type { TlsOptions } from "./transport.ts";

const pemText: OptionRule = { allowed: "the text of a PEM file", accepts: (value) => typeof value === "string" };

const RULES: OptionRules<TlsOptions> = {
  ca: pemText,
  cert: pemText,
  key: pemText,
  serverName: {
    allowed: "a name, or an IP address",
    accepts: (value) => typeof value === "string" && value !== "",
  },
};

/** What stands between two lines of dashes; text around it is for people (RFC 7468). */
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;

const CERTIFICATE = /^CERTIFICATE$/;
const PRIVATE_KEY = /^(?:(?:EC|RSA) )?PRIVATE KEY$/;

/** Throws `INVALID_OPTION` for what no platform can use: a wrong name, half an identity, text that is not PEM, a key with a password. */
export function checkTls(tls: TlsOptions): void {
  const { ca, cert, key } = checkOptions("tls", tls, RULES, {});
  if (ca !== undefined) check("tls.ca", ca, "certificate", CERTIFICATE);
  checkPair("tls", cert, key);
}

/** Throws `INVALID_OPTION` for what no server can show. `where` is the option that it is given by. */
export function checkIdentity(where: string, identity: { readonly cert: string; readonly key: string }): void {
  const { cert, key } = checkOptions(where, identity, { cert: pemText, key: pemText }, {});
  if (cert === undefined && key === undefined) refuse(`${where}.cert and ${where}.key are missing`);
  checkPair(where, cert, key);
}

function checkPair(where: string, cert: string | undefined, key: string | undefined): void {
  if ((cert === undefined) !== (key === undefined)) refuse(`${where}.cert and ${where}.key need each other`);
  if (cert !== undefined) check(`${where}.cert`, cert, "certificate", CERTIFICATE);
  if (key === undefined) return;
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(key)) {
    refuse(`${where}.key is encrypted, and there is no option for its password: decrypt it, by openssl pkey for one`);
  }
  check(`${where}.key`, key, "private key", PRIVATE_KEY);
}

/** Nothing of the text goes into the error: it may be a key. */
function check(option: string, text: string, what: string, label: RegExp): void {
  let found = 0;
  let whole = 0;
  for (const [, name = "", body = ""] of text.matchAll(BLOCK)) {
    whole++;
    if (!label.test(name)) continue;
    found++;
    if (!isDer(body.replaceAll(/\s/g, ""))) refuse(`${option}: ${what} ${found} is damaged: its base64 is not whole`);
  }
  if ((text.match(/-----BEGIN /g)?.length ?? 0) > whole) refuse(`${option} is cut off, or one of its lines is damaged`);
  if (found > 0) return;
  const isName = !text.includes("\n") && /[/\\.]/.test(text);
  refuse(`${option} holds no ${what}: it must be the text of a PEM file${isName ? ", not its name" : ""}`);
}

/** Whether base64 holds one SEQUENCE of DER, which every certificate and key is, and nothing behind it. */
function isDer(base64: string): boolean {
  if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(base64) || base64.length % 4 !== 0) return false;
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  const length = base64.length / 4 * 3 - padding;
  const head = Uint8Array.from(atob(base64.slice(0, 8)), (letter) => letter.charCodeAt(0));
  const [tag, first = 0, ...rest] = head;
  if (tag !== 0x30) return false;
  if (first < 0x80) return length === 2 + first;
  const count = first & 0x7f;
  if (count < 1 || count > 3) return false;
  return length === 2 + count + rest.slice(0, count).reduce((size, byte) => size << 8 | byte, 0);
}

function refuse(detail: string): never {
  throw new KafkaError("INVALID_OPTION", detail);
}
