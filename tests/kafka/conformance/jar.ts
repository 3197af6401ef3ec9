/** Reads files out of a jar, which is a zip. */

import { inflateRawSync } from "node:zlib";

const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_BYTES = 22;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_HEAD_BYTES = 30;
const STORED = 0;

/** Where the list of the files begins, and how many there are: that stands at the end, before a comment. */
function directoryOf(view: DataView): { start: number; count: number } {
  for (let at = view.byteLength - END_OF_DIRECTORY_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END_OF_DIRECTORY) continue;
    return { start: view.getUint32(at + 16, true), count: view.getUint16(at + 10, true) };
  }
  throw new Error("This is no jar");
}

/** The files of a jar that lie below a folder, as texts by their names. */
export function filesOfJar(jar: Uint8Array, folder: string): Map<string, string> {
  const view = new DataView(jar.buffer, jar.byteOffset, jar.byteLength);
  const utf8 = new TextDecoder();
  const files = new Map<string, string>();
  const { start, count } = directoryOf(view);
  for (let i = 0, at = start; i < count; i++) {
    if (view.getUint32(at, true) !== ENTRY) throw new Error(`The jar's list of files is broken at ${at}`);
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const path = utf8.decode(jar.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + name));
    if (path.startsWith(folder) && !path.endsWith("/")) {
      const local = view.getUint32(at + 42, true);
      const content = local + LOCAL_HEAD_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const bytes = jar.subarray(content, content + view.getUint32(at + 20, true));
      const isStored = view.getUint16(at + 10, true) === STORED;
      files.set(path.slice(folder.length), utf8.decode(isStored ? bytes : inflateRawSync(bytes)));
    }
    at += ENTRY_BYTES + name + extra + comment;
  }
  return files;
}
