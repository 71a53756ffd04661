-- name: add(id, conversation_id, seq)!
-- Add an entry for a conversation.
INSERT INTO outbox (account_id, id, conversation_id, seq)
VALUES (current_account(), :id, :conversation_id, :seq);

-- name: remove(account_ids, ids)!
-- Remove entries whose events are published. Ids are unique over all accounts. Not a join: if the table was empty when it
-- was last analyzed, the planner would read all of it, with its dead rows, and compare each entry with each id.
DELETE FROM outbox
WHERE account_id = ANY(:account_ids::uuid[])
  AND id = ANY(:ids::uuid[]);

-- name: overdue(older_than_seconds, limit)
-- The oldest entries above an age, oldest first.
SELECT
    account_id,
    id,
    conversation_id,
    seq,
    reopened_from
FROM outbox
WHERE created_at < clock_timestamp() - make_interval(secs => :older_than_seconds)
ORDER BY created_at, seq
LIMIT :limit;

-- name: unpublished(ids)
-- The messages that have an entry.
SELECT id
FROM outbox
WHERE account_id = current_account()
  AND id = ANY (:ids::uuid[]);

-- name: message(id)^
-- A message by its id.
SELECT
    id,
    conversation_id,
    seq,
    sender_id,
    sender_type,
    sender_name,
    content,
    content_type,
    attachments,
    metadata,
    private,
    client_message_id,
    mentions,
    created_at,
    revision,
    erased_at IS NOT NULL AS erased,
    withdrawn
FROM messages
WHERE account_id = current_account()
  AND id = :id;

-- name: backlog()^
-- Number of entries and age of the oldest.
SELECT
    count(*) AS entries,
    COALESCE(max(EXTRACT(epoch FROM clock_timestamp() - created_at)), 0)::float8 AS oldest_seconds
FROM outbox;
