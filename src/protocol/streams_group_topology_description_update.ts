/** StreamsGroupTopologyDescriptionUpdate: describes the topology of a streams application to its group. */

import type { Api } from "../wire/schema.ts";

/**
 * A member sends it when a StreamsGroupHeartbeat asked for it; a broker without a plugin to keep it answers
 * UNSUPPORTED_VERSION (KIP-1331). Node types: 1 source, 2 processor, 3 sink; what belongs to global stores stands apart.
 */
export const streamsGroupTopologyDescriptionUpdate = {
  key: 93,
  name: "StreamsGroupTopologyDescriptionUpdate",
  versions: [0, 0],
  flexible: 0,
  clientThrottlesFrom: 0,
  request: {
    groupId: "string",
    memberId: "string",
    topologyEpoch: "int32",
    topologyDescription: {
      subtopologies: [{
        subtopologyId: "string",
        nodes: [{
          name: "string",
          nodeType: "int8",
          sourceTopics: ["string"],
          sinkTopic: { is: "string", null: 0, or: null },
          stores: ["string"],
          successors: ["string"],
        }],
      }],
      globalStores: [{
        source: {
          name: "string",
          nodeType: "int8",
          sourceTopics: ["string"],
          sinkTopic: { is: "string", null: 0, or: null },
          stores: ["string"],
          successors: ["string"],
        },
        processor: {
          name: "string",
          nodeType: "int8",
          sourceTopics: ["string"],
          sinkTopic: { is: "string", null: 0, or: null },
          stores: ["string"],
          successors: ["string"],
        },
      }],
    },
  },
  response: {
    throttleTimeMs: { is: "int32", or: 0 },
    errorCode: "int16",
    errorMessage: { is: "string", null: 0, or: null },
  },
} as const satisfies Api;
