/** AWS_MSK_IAM: Amazon's brokers take a signed query, as its own services do. */

import { KafkaError } from "../../base/errors.ts";
import type { World } from "../../base/world.ts";
import { checkTexts, credentialsOf } from "./credentials.ts";
import type { Asked, SaslMechanism } from "./mechanism.ts";
import { canonicalQuery, scopeText, signature } from "./sigv4.ts";

/** Keys as AWS gives them out. */
export interface AwsCredentials {
  /** Which key. */
  readonly accessKeyId: string;
  /** The key itself. It never leaves the client. */
  readonly secretAccessKey: string;
  /** What goes along with keys that are good for some time only. */
  readonly sessionToken?: string | undefined;
}

/** How to authenticate with Amazon's brokers. */
export interface AwsMskIamOptions {
  /** Where the cluster is, as `us-east-1`. */
  readonly region: string;
  /** The keys, or a function that gives them anew at each authentication. */
  readonly credentials: Asked<AwsCredentials>;
  /** What the brokers' logs call the client; `samsa` if not said. */
  readonly userAgent?: string | undefined;
}

/**
 * `AWS_MSK_IAM`, for clusters of Amazon MSK with IAM: `sasl: awsMskIam({ region: "us-east-1", credentials: … })`, together with `tls:
 * true`. Throws `INVALID_OPTION`; connecting fails with `UNSUPPORTED_FEATURE` where the platform has no WebCrypto.
 */
export function awsMskIam(options: AwsMskIamOptions): SaslMechanism {
  checkTexts("awsMskIam", options, ["region"], ["credentials", "userAgent"]);
  const { region, credentials, userAgent = "samsa" } = options;
  const ask = credentialsOf<AwsCredentials>("awsMskIam", credentials, (value) => {
    checkTexts("awsMskIam credentials", value, ["accessKeyId", "secretAccessKey"]); // AWS's own have more in them
  });
  return {
    name: "AWS_MSK_IAM",
    async authenticate({ host, world, exchange }) {
      const keys = await ask();
      const payload = await signedPayload(world, host, region, keys, userAgent);
      const answer = await exchange(new TextEncoder().encode(JSON.stringify(payload)), keys.sessionToken);
      if (answer.length > 0) return; // it names its version and the request
      throw new KafkaError("PROTOCOL_ERROR", "the broker's answer to AWS_MSK_IAM is empty");
    },
  };
}

/** What is signed with, and for how many seconds that is good. */
const ALGORITHM = "AWS4-HMAC-SHA256";
const EXPIRES_S = "900";
/** The hash of nothing: a query has no body. */
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The message, whose signature covers all but its version and the client's name. */
export async function signedPayload(
  world: World,
  host: string,
  region: string,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  userAgent: string,
): Promise<Record<string, string>> {
  const time = new Date(world.wall()).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = { day: time.slice(0, 8), region, service: "kafka-cluster" };
  const signed = {
    Action: "kafka-cluster:Connect",
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Credential": `${accessKeyId}/${scopeText(scope)}`,
    "X-Amz-Date": time,
    "X-Amz-Expires": EXPIRES_S,
    ...(sessionToken && { "X-Amz-Security-Token": sessionToken }),
    "X-Amz-SignedHeaders": "host",
  };
  const request = `GET\n/\n${canonicalQuery(signed)}\nhost:${host}\n\nhost\n${NOTHING}`;
  const named = Object.entries(signed).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    version: "2020_10_22",
    host,
    "user-agent": userAgent,
    ...Object.fromEntries(named),
    "x-amz-signature": await signature(world, secretAccessKey, scope, time, request),
  };
}
