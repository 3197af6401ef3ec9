/** Text in place: strings encoded straight into a buffer, and decoded from a view, the short and plain ones without the platform's codec. */

const encoder = new TextEncoder();
/** A byte order mark is text like any other, and stays. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to this many characters a loop beats `encodeInto`. */
const SHORT = 48;
/** From this many characters on the exact length is worth counting, rather than room for three bytes a character. */
const LONG = 16 * 1024;

/** Bytes that the text may take in UTF-8: never fewer than it takes, and exact for a long one. */
export function textSizeMax(text: string): number {
  return text.length < LONG ? text.length * 3 : textSize(text);
}

/** Bytes that the text takes in UTF-8, with U+FFFD for each lone surrogate. */
export function textSize(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    if (code < 0x800) size += 1;
    else if (isPair(text, code, i)) {
      size += 2;
      i++;
    } else size += 2;
  }
  return size;
}

function isPair(text: string, code: number, at: number): boolean {
  return (code & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}

/** Writes the text in UTF-8, with U+FFFD for each lone surrogate, and gives the position after it; there must be room. */
export function putText(bytes: Uint8Array, at: number, text: string): number {
  const length = text.length;
  if (length <= SHORT) {
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      bytes[at + i] = code;
    }
    if (i === length) return at + length;
  }
  return at + encoder.encodeInto(text, bytes.subarray(at)).written;
}

/** The text that the bytes are in UTF-8; what is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  const length = bytes.length;
  if (length > 24) return decoder.decode(bytes);
  let text = "";
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    const a = bytes[at]!, b = bytes[at + 1]!, c = bytes[at + 2]!, d = bytes[at + 3]!;
    const e = bytes[at + 4]!, f = bytes[at + 5]!, g = bytes[at + 6]!, h = bytes[at + 7]!;
    if ((a | b | c | d | e | f | g | h) > 127) return decoder.decode(bytes);
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < length; at++) {
    const byte = bytes[at]!;
    if (byte > 127) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}
