-- compatible from: 0036
-- A message to a conversation that is continued in another one takes its files there. What the AI has answered by itself is
-- deleted with its conversation.

GRANT UPDATE (conversation_id) ON files TO hummdesk_app;
CREATE POLICY erased_by_eraser ON automatic_conversations FOR DELETE TO hummdesk_eraser USING (true);
