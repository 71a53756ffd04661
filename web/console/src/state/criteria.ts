// What a list shows, as a saved view names it, and whether a conversation is part of it.

import type { ListConversations, SavedFilter } from "@hummdesk/client";
import type { Conversation } from "../types";

export type Criteria = SavedFilter;

// The server decides what a search or a category has.
export function isDecidedByServer({ search, category }: Criteria): boolean {
  return search !== undefined || category !== undefined;
}

export function isByWaiting({ sort, search }: Criteria): boolean {
  return sort === "waiting" && !search;
}

export function isMatch(one: Conversation, criteria: Criteria, userId: string): boolean {
  const { status, mine, unassigned, assignedTo, teamId, labelId, priority, snoozed } = criteria;
  const isSnoozed = one.status === "pending" && one.snoozedUntil !== undefined;
  return (
    (!status || one.status === status) &&
    (!mine || one.assignedTo === userId) &&
    (!unassigned || !one.assignedTo) &&
    (!assignedTo || one.assignedTo === assignedTo) &&
    (!teamId || one.assignedTeam === teamId) &&
    (!labelId || (one.labelIds ?? []).includes(labelId)) &&
    (!priority || one.priority === priority) &&
    (snoozed === undefined || isSnoozed === snoozed)
  );
}

export function requestOf({ mine, sort, ...criteria }: Criteria, userId: string): ListConversations {
  return {
    ...criteria,
    ...(mine ? { assignedTo: userId } : {}),
    ...(sort === "waiting" && !criteria.search ? { sort } : {}),
  };
}
