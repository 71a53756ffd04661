// The shapes of the contract that the console works with.

export type Role = "admin" | "agent" | "viewer" | "customer";
export type Status = "open" | "pending" | "closed";
export type Priority = "low" | "medium" | "high" | "urgent";
export type Presence = "online" | "away" | "busy" | "offline";
export type Side = "agent" | "customer";

export interface Person {
  userId: string;
  accountId: string;
  email: string;
  role: Role;
}

export interface Attachment {
  url: string;
  filename: string;
  contentType: string;
  size: number;
}

export interface Message {
  messageId: string;
  conversationId: string;
  seq: number;
  senderId: string;
  senderType: Side | "system";
  senderName: string;
  content: string;
  contentType: "text" | "html";
  attachments: Attachment[];
  private: boolean;
  clientMessageId?: string;
  timestamp: string;
}

export interface Conversation {
  conversationId: string;
  status: Status;
  priority: Priority;
  assignedTo?: string;
  assignedTeam?: string;
  subject?: string;
  customer: { id: string; name: string; email: string };
  lastMessage?: Message;
  lastSeq: number;
  unreadCount: number;
  createdAt: string;
  updatedAt: string;
}

export interface Receipt {
  readBy: string;
  readByType: Side;
  seq: number;
}

export interface Viewer {
  agentId: string;
  name: string;
}

export interface Classification {
  conversationId: string;
  messageId: string;
  classification: {
    category: string;
    priority: Priority;
    urgency: number;
    sentiment: "positive" | "neutral" | "negative";
    language: string;
    tags: string[];
    suggestedTeam?: string;
    suggestedAgent?: string;
  };
  confidence: number;
}

export interface Draft {
  conversationId: string;
  messageId: string;
  draft: { content: string; tone: string; suggestedActions: string[] };
  confidence: number;
  reasoning?: string;
  sources: string[];
  basedOnSeq: number;
}

export interface Agent {
  agentId: string;
  name: string;
  email: string;
  status: Presence;
  lastSeenAt?: string;
}

export interface Team {
  teamId: string;
  name: string;
  agentIds: string[];
}

export interface Problem {
  code: string;
  message: string;
  details?: { missed?: Message[]; [field: string]: unknown };
}

export type Answer<T> = ({ ok: true } & T) | { ok: false; error: Problem };
