/**
 * ApiVersions, answered as brokers do.
 *
 * - A version that the broker does not know is answered, alone of all requests, with error 35 in the layout of version 0: with an
 *   empty list before 2.4, with the range of ApiVersions itself since (KIP-511). The broker does that before it reads the body;
 *   see {@linkcode unsupportedApiVersions}. Brokers of 0.8 and 0.9 do not have this API at all.
 * - Version 3 names the client's software, and INVALID_REQUEST meets a name or a version that is not of letters, digits, `-` and
 *   `.`, with a letter or a digit at both ends (`ApiVersionsRequest.isValid`).
 * - Version 5 says which cluster and broker the client means, both or neither; others answer REBOOTSTRAP_REQUIRED (KIP-1242).
 * - Features are left out: no API that depends on one is here.
 */

import { apiVersions } from "../../protocol/api_versions.ts";
import type { ResponseIn } from "../../wire/schema.ts";
import { type Call, type Handler, handler } from "../call.ts";
import { errorNumbers } from "../../base/error_codes.ts";
import type { Release } from "../releases.ts";

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** Answers ApiVersions. */
export const apiVersionsHandler: Handler = handler(apiVersions, answer);

/** The body, in version 0, for a version that the release does not know. */
export function unsupportedApiVersions(release: Release): ResponseIn<typeof apiVersions> {
  const own = release.listed.get(apiVersions.key);
  const hint = own && release.hintsApiVersions ? [listing(apiVersions.key, own)] : [];
  return { errorCode: errorNumbers.UNSUPPORTED_VERSION, apiKeys: hint };
}

function answer({ host, version, body }: Call<typeof apiVersions>): ResponseIn<typeof apiVersions> {
  const { clientSoftwareName, clientSoftwareVersion, clusterId, nodeId } = body;
  if (version >= 3 && !(SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion))) {
    return { errorCode: errorNumbers.INVALID_REQUEST, apiKeys: [] };
  }
  if (version >= 5 && (clusterId === null) !== (nodeId < 0)) {
    return { errorCode: errorNumbers.INVALID_REQUEST, apiKeys: [] };
  }
  const { controller } = host;
  const isOther = (clusterId !== null && clusterId !== controller.clusterId) || (nodeId >= 0 && nodeId !== host.id);
  if (version >= 5 && isOther) return { errorCode: errorNumbers.REBOOTSTRAP_REQUIRED, apiKeys: [] };
  const apiKeys = [...host.release.listed].map(([key, range]) => listing(key, range));
  return { errorCode: errorNumbers.NONE, apiKeys };
}

function listing(apiKey: number, [minVersion, maxVersion]: readonly [number, number]) {
  return { apiKey, minVersion, maxVersion };
}
