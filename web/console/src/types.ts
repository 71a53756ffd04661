// Types of the contract under the names that the console uses.

import type { AIClassification, Colleague, Conversation } from "@hummdesk/client";

export type {
  AIClassification as Classification,
  AIDraft as Draft,
  AttachmentShown as Attachment,
  Colleague as Agent,
  Conversation,
  Message,
  Team,
  Viewer,
} from "@hummdesk/client";

export type Status = Conversation["status"];
export type Priority = NonNullable<Conversation["priority"]>;
export type Presence = Colleague["status"];
export type Category = AIClassification["classification"]["category"];
