// Made by `python -m hummdesk contract --typescript` from hummdesk/events. Do not edit.

/** What a request is answered with: `ok` tells the two apart. */
export type Answer<T> = ({ ok: true; error?: never } & T) | { ok: false; error: ErrorReport };

export type Acknowledge<T> = (answer: Answer<T>) => void;

export type ErrorCode = ErrorReport["code"];

/** What went wrong, in words that may be shown. */
export interface ErrorReport {
  code: "CONFLICT" | "FORBIDDEN" | "INTERNAL_ERROR" | "NOT_FOUND" | "PAYLOAD_TOO_LARGE" | "RATE_LIMITED" | "TOKEN_EXPIRED" | "UNAUTHORIZED" | "UNAVAILABLE" | "UNKNOWN_EVENT" | "VALIDATION_ERROR";
  message: string;
  details?: Record<string, unknown>;
  timestamp: string;
}

/** The person behind a socket. */
export interface PersonIdentity {
  userId: string;
  accountId: string;
  email: string;
  role: "admin" | "agent" | "viewer" | "customer";
}

/** Why the server closes the connection, and whether to come back. */
export interface DisconnectReason {
  code: "SERVER_SHUTDOWN" | "UNAUTHORIZED" | "RESYNC";
  message: string;
  reconnect: boolean;
  timestamp: string;
}

/** A message that was stored, as its sender is told. */
export interface Receipt {
  conversationId: string;
  timestamp: string;
  messageId: string;
  seq: number;
  clientMessageId?: string;
}

export interface AttachmentShown {
  url: string;
  filename: string;
  contentType: string;
  size: number;
}

export interface Message {
  conversationId: string;
  timestamp: string;
  messageId: string;
  seq: number;
  clientMessageId?: string;
  senderId: string;
  senderType: "agent" | "customer" | "system";
  senderName: string;
  content: string;
  contentType: "text" | "html";
  attachments: Array<AttachmentShown>;
  metadata: Record<string, unknown>;
  private: boolean;
}

/** Somebody has read up to here. */
export interface ReadMark {
  conversationId: string;
  timestamp: string;
  messageId: string;
  seq: number;
  readBy: string;
  readByType: "agent" | "customer";
}

export interface Typing {
  conversationId: string;
  timestamp: string;
  userId: string;
  userType: "agent" | "customer";
  userName: string;
}

export interface AgentPresence {
  agentId: string;
  accountId: string;
  name: string;
  email: string;
  status: "online" | "away" | "busy" | "offline";
  lastSeenAt?: string;
  timestamp: string;
}

export interface AgentStatusChange {
  agentId: string;
  oldStatus: "online" | "away" | "busy" | "offline";
  newStatus: "online" | "away" | "busy" | "offline";
  timestamp: string;
}

export interface Viewer {
  agentId: string;
  name: string;
}

/** Who of staff is looking at it now. */
export interface ConversationViewers {
  conversationId: string;
  timestamp: string;
  viewers: Array<Viewer>;
}

export interface Customer {
  id: string;
  name: string;
  email: string;
  avatar?: string;
}

/** A conversation as one side sees it: staff and customer differ in `unreadCount` and `lastMessage`. */
export interface Conversation {
  conversationId: string;
  accountId: string;
  status: "open" | "pending" | "closed";
  priority: "low" | "medium" | "high" | "urgent";
  assignedTo?: string;
  assignedTeam?: string;
  subject?: string;
  customer: Customer;
  lastMessage?: Message;
  lastSeq: number;
  unreadCount: number;
  createdAt: string;
  updatedAt: string;
  metadata: Record<string, unknown>;
}

/** `reason` is told to staff only. */
export interface StatusChange {
  conversationId: string;
  timestamp: string;
  oldStatus: "open" | "pending" | "closed";
  newStatus: "open" | "pending" | "closed";
  changedBy: string;
  reason?: string;
}

export interface Assignment {
  conversationId: string;
  timestamp: string;
  assignedTo: string;
  assignedTeam?: string;
  assignedBy: string;
}

/** `reason` is told to staff only. */
export interface Unassignment {
  conversationId: string;
  timestamp: string;
  unassignedFrom: string;
  unassignedBy: string;
  reason?: string;
}

export interface AIRun {
  conversationId: string;
  timestamp: string;
  messageId: string;
  processingType: "classification" | "draft";
  runId: string;
}

/** `processingTime` is in milliseconds. */
export interface AIRunEnd {
  conversationId: string;
  timestamp: string;
  messageId: string;
  processingType: "classification" | "draft";
  runId: string;
  outcome: "done" | "abstained" | "superseded";
  processingTime: number;
}

export interface Classification {
  category: "account_access" | "billing" | "refund_cancellation" | "order_shipping" | "technical" | "sales" | "complaint_feedback" | "general";
  priority: "low" | "medium" | "high" | "urgent";
  urgency: number;
  sentiment: "positive" | "neutral" | "negative";
  language: string;
  tags: Array<string>;
  suggestedTeam?: string;
  suggestedAgent?: string;
}

/** What a customer's message is about. `processingTime` is in milliseconds. */
export interface AIClassification {
  conversationId: string;
  timestamp: string;
  messageId: string;
  classification: Classification;
  confidence: number;
  processingTime: number;
  provider: string;
}

export interface Draft {
  content: string;
  tone: "formal" | "friendly" | "empathetic" | "professional";
  suggestedActions: Array<string>;
}

/** What a draft is from. Of a past answer, `title` is the question, and `id` that of the agent's message. */
export interface Citation {
  kind: "article" | "canned_reply" | "past_answer";
  title: string;
  id?: string;
}

/** A reply that an agent may use. It is stale once a message has a greater `seq` than `basedOnSeq`. `sources` has the ids of the `citations` that have one. */
export interface AIDraft {
  conversationId: string;
  timestamp: string;
  messageId: string;
  draft: Draft;
  confidence: number;
  reasoning?: string;
  sources: Array<string>;
  citations?: Array<Citation>;
  basedOnSeq: number;
  provider: string;
}

/** A run that failed for good. */
export interface AIError {
  conversationId: string;
  timestamp: string;
  messageId: string;
  processingType: "classification" | "draft";
  runId: string;
  error: string;
  retryable: boolean;
}

/** What an agent makes of it; the rest stays as it was found. */
export interface ClassificationCorrection {
  conversationId: string;
  timestamp: string;
  messageId: string;
  correctedBy: string;
  category?: "account_access" | "billing" | "refund_cancellation" | "order_shipping" | "technical" | "sales" | "complaint_feedback" | "general";
  priority?: "low" | "medium" | "high" | "urgent";
}

export interface Authenticate {
  token: string;
}

export interface JoinConversation {
  conversationId: string;
  afterSeq?: number;
}

/** How far one reader has read. */
export interface ReadUpTo {
  readBy: string;
  readByType: "agent" | "customer";
  seq: number;
  timestamp: string;
}

/** The last of each kind that was found. */
export interface AIResults {
  classification?: AIClassification;
  draft?: AIDraft;
}

/** `ai` and `viewers` are told to staff only. */
export interface Joined {
  conversation: Conversation;
  messages: Array<Message>;
  lastSeq: number;
  hasMore: boolean;
  receipts: Array<ReadUpTo>;
  ai?: AIResults;
  viewers?: Array<Viewer>;
}

export interface OfConversation {
  conversationId: string;
}

/** Nothing besides that it is done. */
export type Done = Record<never, never>;

export interface Attachment {
  url: string;
  filename: string;
  contentType: string;
  size: number;
}

export interface SendMessage {
  conversationId: string;
  content: string;
  contentType?: "text" | "html";
  attachments?: Array<Attachment>;
  metadata?: Record<string, unknown>;
  clientMessageId?: string;
  private?: boolean;
  basedOnSeq?: number;
}

export interface MessageRead {
  conversationId: string;
  messageId: string;
}

export interface SetAgentStatus {
  status: "online" | "away" | "busy" | "offline";
}

export interface UpdateConversationStatus {
  conversationId: string;
  status: "open" | "pending" | "closed";
  reason?: string;
}

export interface AssignConversation {
  conversationId: string;
  agentId: string;
  teamId?: string;
}

export interface UnassignConversation {
  conversationId: string;
  reason?: string;
}

export interface CorrectClassification {
  conversationId: string;
  messageId: string;
  category?: "account_access" | "billing" | "refund_cancellation" | "order_shipping" | "technical" | "sales" | "complaint_feedback" | "general";
  priority?: "low" | "medium" | "high" | "urgent";
}

export interface StartConversation {
  subject?: string;
  content?: string;
  clientMessageId?: string;
  metadata?: Record<string, unknown>;
}

export interface Started {
  conversation: Conversation;
  message?: Message;
}

export interface ListConversations {
  status?: "open" | "pending" | "closed";
  assignedTo?: string;
  unassigned?: boolean;
  search?: string;
  limit?: number;
  cursor?: string;
}

/** `nextCursor` is there while there is more. */
export interface ConversationPage {
  conversations: Array<Conversation>;
  nextCursor?: string;
}

export interface GetMessages {
  conversationId: string;
  beforeSeq?: number;
  afterSeq?: number;
  limit?: number;
}

export interface MessagePage {
  messages: Array<Message>;
  hasMore: boolean;
}

export interface Sync {
  conversations: Record<string, number>;
}

/** All that was missed of one conversation. */
export interface Missed {
  messages: Array<Message>;
  lastSeq: number;
}

/** Too much was missed to be told: load the history anew. */
export interface TooFarBehind {
  resyncRequired: boolean;
  lastSeq: number;
}

export interface Synced {
  conversations: Record<string, Missed | TooFarBehind>;
}

export interface Colleague {
  agentId: string;
  name: string;
  email: string;
  status: "online" | "away" | "busy" | "offline";
  lastSeenAt?: string;
}

export interface Colleagues {
  agents: Array<Colleague>;
}

export interface Team {
  teamId: string;
  name: string;
  agentIds: Array<string>;
}

export interface Teams {
  teams: Array<Team>;
}

/** The sockets of one's own account, by role. */
export interface Connections {
  admin: number;
  agent: number;
  viewer: number;
  customer: number;
}

/** AI runs of one kind: of the newest of the last hour what became of them, and how long those took that are done. `medianTime` and `slowTime`, which one in twenty exceeds, are in milliseconds, and absent while none is done. */
export interface RunFigures {
  processingType: "classification" | "draft";
  done: number;
  failed: number;
  waiting: number;
  medianTime?: number;
  slowTime?: number;
}

/** An AI run that failed for good, in the words of `ai_error`. */
export interface FailedRun {
  runId: string;
  processingType: "classification" | "draft";
  error: string;
  timestamp: string;
}

/** Of the whole desk: what it reaches, how late events are in milliseconds, how many tasks wait for a worker. */
export interface Health {
  postgresql: boolean;
  redis: boolean;
  bus: boolean;
  busLag: number;
  queuedTasks: number;
}

/** What an admin may watch: one's own account, and of the desk nothing that tells of another one. */
export interface Operations {
  connections: Connections;
  messagesPerSecond: number;
  ai: Array<RunFigures>;
  failedRuns: Array<FailedRun>;
  health: Health;
  timestamp: string;
}

export interface ServerToClientEvents {
  authenticated: (payload: PersonIdentity) => void;
  authentication_error: (payload: ErrorReport) => void;
  error: (payload: ErrorReport) => void;
  disconnect_reason: (payload: DisconnectReason) => void;
  message_sent: (payload: Receipt) => void;
  new_message: (payload: Message) => void;
  message_read: (payload: ReadMark) => void;
  typing_start: (payload: Typing) => void;
  typing_stop: (payload: Typing) => void;
  agent_online: (payload: AgentPresence) => void;
  agent_offline: (payload: AgentPresence) => void;
  agent_status_changed: (payload: AgentStatusChange) => void;
  conversation_viewers: (payload: ConversationViewers) => void;
  conversation_created: (payload: Conversation) => void;
  conversation_updated: (payload: Conversation) => void;
  conversation_status_changed: (payload: StatusChange) => void;
  conversation_assigned: (payload: Assignment) => void;
  conversation_unassigned: (payload: Unassignment) => void;
  ai_processing_started: (payload: AIRun) => void;
  ai_processing_completed: (payload: AIRunEnd) => void;
  ai_classification: (payload: AIClassification) => void;
  ai_draft: (payload: AIDraft) => void;
  ai_error: (payload: AIError) => void;
  classification_corrected: (payload: ClassificationCorrection) => void;
}

export interface ClientToServerEvents {
  authenticate: (payload: string | Authenticate, acknowledge?: Acknowledge<PersonIdentity>) => void;
  join_conversation: (payload: string | JoinConversation, acknowledge?: Acknowledge<Joined>) => void;
  leave_conversation: (payload: string | OfConversation, acknowledge?: Acknowledge<Done>) => void;
  send_message: (payload: SendMessage, acknowledge?: Acknowledge<Receipt>) => void;
  message_read: (payload: MessageRead, acknowledge?: Acknowledge<Done>) => void;
  typing_start: (payload: OfConversation, acknowledge?: Acknowledge<Done>) => void;
  typing_stop: (payload: OfConversation, acknowledge?: Acknowledge<Done>) => void;
  agent_online: (acknowledge?: Acknowledge<Done>) => void;
  agent_offline: (acknowledge?: Acknowledge<Done>) => void;
  set_agent_status: (payload: SetAgentStatus, acknowledge?: Acknowledge<AgentStatusChange>) => void;
  update_conversation_status: (payload: UpdateConversationStatus, acknowledge?: Acknowledge<StatusChange>) => void;
  assign_conversation: (payload: AssignConversation, acknowledge?: Acknowledge<Assignment>) => void;
  unassign_conversation: (payload: UnassignConversation, acknowledge?: Acknowledge<Unassignment>) => void;
  correct_classification: (payload: CorrectClassification, acknowledge?: Acknowledge<ClassificationCorrection>) => void;
  start_conversation: (payload: StartConversation, acknowledge?: Acknowledge<Started>) => void;
  list_conversations: (payload: ListConversations, acknowledge?: Acknowledge<ConversationPage>) => void;
  get_messages: (payload: GetMessages, acknowledge?: Acknowledge<MessagePage>) => void;
  sync: (payload: Sync, acknowledge?: Acknowledge<Synced>) => void;
  get_presence: (acknowledge?: Acknowledge<Colleagues>) => void;
  get_teams: (acknowledge?: Acknowledge<Teams>) => void;
  get_operations: (acknowledge?: Acknowledge<Operations>) => void;
}

/** What each request is answered with besides `ok`. */
export interface Answers {
  authenticate: PersonIdentity;
  join_conversation: Joined;
  leave_conversation: Done;
  send_message: Receipt;
  message_read: Done;
  typing_start: Done;
  typing_stop: Done;
  agent_online: Done;
  agent_offline: Done;
  set_agent_status: AgentStatusChange;
  update_conversation_status: StatusChange;
  assign_conversation: Assignment;
  unassign_conversation: Unassignment;
  correct_classification: ClassificationCorrection;
  start_conversation: Started;
  list_conversations: ConversationPage;
  get_messages: MessagePage;
  sync: Synced;
  get_presence: Colleagues;
  get_teams: Teams;
  get_operations: Operations;
}
