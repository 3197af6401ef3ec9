/** DescribeConfigs: the configuration of topics, brokers and others. */

import type { Api } from "../wire/schema.ts";

/**
 * Resource types: 2 topic, 4 broker, 8 a broker's loggers, 16 client metrics, 32 group; what is a broker's is asked of
 * that broker. Null asks for all keys. Version 0 only tells whether a value is the default, version 1 where it comes
 * from and what it hides: 1 topic, 2 broker at run time, 3 all brokers at run time, 4 the broker's file, 5 default, 6
 * loggers, 7 client metrics, 8 group (KIP-226). Version 3 has the type (1 boolean, 2 string, 3 int, 4 short, 5 long, 6
 * double, 7 list, 8 class, 9 password) and can explain it (KIP-569). The value of what is secret is null.
 */
export const describeConfigs = {
  key: 32,
  name: "DescribeConfigs",
  versions: [0, 4],
  flexible: 4,
  clientThrottlesFrom: 2,
  request: {
    resources: [{ resourceType: "int8", resourceName: "string", configurationKeys: { is: ["string"], null: 0 } }],
    includeSynonyms: { is: "bool", since: 1 },
    includeDocumentation: { is: "bool", since: 3 },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    results: [{
      errorCode: "int16",
      errorMessage: { is: "string", null: 0 },
      resourceType: "int8",
      resourceName: "string",
      configs: [{
        name: "string",
        value: { is: "string", null: 0 },
        readOnly: "bool",
        isDefault: { is: "bool", until: 0 },
        configSource: { is: "int8", since: 1, or: -1, lax: true },
        isSensitive: "bool",
        synonyms: { is: [{ name: "string", value: { is: "string", null: 1 }, source: "int8" }], since: 1, lax: true },
        configType: { is: "int8", since: 3, lax: true },
        documentation: { is: "string", since: 3, null: 3, lax: true },
      }],
    }],
  },
} as const satisfies Api;
