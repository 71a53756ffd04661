-- no transaction
-- compatible from: 0036
-- The newest moves of a conversation, which are shown between its messages: a log may have thousands of other entries.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversation_events_moves ON conversation_events
    (account_id, conversation_id, created_at DESC, id DESC)
    WHERE kind IN ('assigned', 'unassigned');
