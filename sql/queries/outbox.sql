-- name: add(id, conversation_id, seq)!
-- Note that something about a conversation has to be told.
INSERT INTO outbox (account_id, id, conversation_id, seq)
VALUES (current_account(), :id, :conversation_id, :seq);

-- name: forget(account_ids, ids)!
-- Remove entries that have been told.
DELETE FROM outbox
USING unnest(:account_ids::uuid[], :ids::uuid[]) AS told (account_id, id)
WHERE outbox.account_id = told.account_id
  AND outbox.id = told.id;

-- name: overdue(older_than_seconds, limit)
-- The oldest entries that have been there for a while.
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

-- name: message(id)^
-- A message of the account.
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
    created_at
FROM messages
WHERE account_id = current_account()
  AND id = :id;

-- name: depth()^
-- How many entries there are, and how old the oldest is.
SELECT
    count(*) AS entries,
    COALESCE(max(EXTRACT(epoch FROM clock_timestamp() - created_at)), 0)::float8 AS oldest_seconds
FROM outbox;
