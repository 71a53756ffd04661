-- no transaction
-- compatible from: 0036
-- may be pending
-- For the lines about a conversation that are shown between its messages: moves, and changes of status, priority and labels.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversation_events_lines
    ON conversation_events (account_id, conversation_id, created_at DESC, id DESC)
    WHERE kind IN (
        'assigned', 'unassigned', 'status_changed', 'priority_changed', 'labels_changed', 'continued', 'merged'
    );
