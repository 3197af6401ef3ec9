/** What each release's broker said that it speaks, against what we do. */

import { assert } from "chai";
import { readFileSync } from "node:fs";
import { apiVersions } from "../../src/protocol/api_versions.ts";
import { apis } from "../../src/protocol/apis.ts";
import { decodeResponse } from "../../src/protocol/message.ts";
import { test } from "../harness.ts";
import { type Listed, unspoken } from "../kafka/conformance/listed.ts";

interface Index {
  readonly releases: readonly {
    readonly kafka: string;
    readonly files: readonly { readonly file: string; readonly api: string; readonly version: number }[];
  }[];
}

/** What no broker lists as they come, and why: by name. */
const UNLISTED: ReadonlyMap<string, string> = new Map([
  ["GetTelemetrySubscriptions", "a broker lists it only if it has somebody to give the metrics to"],
  ["PushTelemetry", "a broker lists it only if it has somebody to give the metrics to"],
]);

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(file, import.meta.url)));
}

const index: Index = JSON.parse(new TextDecoder().decode(read("index.json")));
const answers = index.releases.flatMap(({ kafka, files }) =>
  files.filter(({ api }) => api === "ApiVersions").map(({ file, version }): [release: string, listed: Listed] => [
    kafka,
    decodeResponse(apiVersions, version, read(file)).apiKeys,
  ])
);

test("every version that some release lists of what clients send is spoken", () => {
  assert.isAbove(answers.length, 30);
  for (const [release, listed] of answers) assert.deepEqual(unspoken(listed), [], release);
});

test("a version more, or an API that nobody knows, would be told", () => {
  const max = apiVersions.versions[1] + 1;
  const listed = { apiKey: apiVersions.key, minVersion: 0, maxVersion: max };
  assert.deepEqual(unspoken([listed, { ...listed, apiKey: 999 }]), [`ApiVersions from 0 to ${max}`, "the API 999"]);
});

test("no version is spoken that no release ever listed", () => {
  const lists = answers.flatMap(([, listed]) => listed);
  for (const { key, name, versions } of apis.values()) {
    const own = lists.filter(({ apiKey }) => apiKey === key);
    if (own.length === 0) assert.isTrue(UNLISTED.has(name), `nobody lists ${name}`);
    else {
      assert.isFalse(UNLISTED.has(name), `${name} is listed after all`);
      const least = Math.min(...own.map(({ minVersion }) => minVersion));
      assert.deepEqual([least, Math.max(...own.map(({ maxVersion }) => maxVersion))], [...versions], name);
    }
  }
});
