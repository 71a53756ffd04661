-- compatible from: 0036
-- A conversation belongs to one account. Without these statistics, a planner that knows thousands of accounts multiplies
-- the shares of the account and of the conversation, expects less than one message in each conversation, and looks for a
-- repeated message among all messages of the conversation in place of the index that has it.

CREATE STATISTICS IF NOT EXISTS messages_by_conversation (dependencies) ON account_id, conversation_id FROM messages;
