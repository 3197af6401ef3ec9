/**
 * ListGroups, answered as by a broker that coordinates no group: the list is empty. Groups are not here yet; but clients tell by
 * this request a broker of 0.9, which has it and has no ApiVersions, from one of 0.8.
 */

import { listGroups } from "../../protocol/list_groups.ts";
import { type Handler, handler } from "../call.ts";
import { errorNumbers } from "../../base/error_codes.ts";

/** Answers ListGroups. */
export const listGroupsHandler: Handler = handler(listGroups, () => ({ errorCode: errorNumbers.NONE, groups: [] }));
