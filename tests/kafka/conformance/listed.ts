/** What brokers say that they speak, against what we do. */

import { concat } from "@std/bytes";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { apis } from "../../../src/protocol/apis.ts";
import { decodeResponse, encodeRequest } from "../../../src/protocol/message.ts";
import type { Response } from "../../../src/wire/schema.ts";
import { exchange } from "../probe.ts";
import { BROKERS_OWN } from "./scope.ts";

/** What a broker lists. */
export type Listed = Response<typeof apiVersions>["apiKeys"];

/** Which versions of what clients send a broker lists and we do not speak, in words. */
export function unspoken(listed: Listed): string[] {
  return listed.flatMap(({ apiKey, minVersion, maxVersion }) => {
    const api = apis.get(apiKey);
    if (api === undefined) return BROKERS_OWN.has(apiKey) ? [] : `the API ${apiKey}`;
    const [min, max] = api.versions;
    return min <= minVersion && maxVersion <= max ? [] : `${api.name} from ${minVersion} to ${maxVersion}`;
  });
}

/** Asks a broker on this machine what it speaks. */
export async function askVersions(port: number): Promise<Listed> {
  const size = (head: Uint8Array) => head.length < 4 ? undefined : 4 + new DataView(head.buffer).getInt32(0);
  const request = concat(encodeRequest(apiVersions, 0, { correlationId: 1, clientId: "test" }, {}));
  const answer = await exchange(port, request, size);
  if (answer === undefined) throw new Error("The broker does not say what it speaks");
  return decodeResponse(apiVersions, 0, answer.subarray(4)).apiKeys;
}
