// The contract's names, as the console calls them.

import type { AIClassification, Colleague, Conversation } from "@hummdesk/client";

export type {
  AIClassification as Classification,
  AIDraft as Draft,
  AttachmentShown as Attachment,
  Colleague as Agent,
  Conversation,
  ErrorReport as Problem,
  Message,
  Team,
  Viewer,
} from "@hummdesk/client";

export type Status = Conversation["status"];
export type Priority = Conversation["priority"];
export type Presence = Colleague["status"];
export type Category = AIClassification["classification"]["category"];
