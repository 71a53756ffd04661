-- name: write(id, conversation_id, sender_id, sender_type, sender_name, content, content_type, attachments, metadata, private, client_message_id, event_id, run_id)^
-- Store the next message of a conversation that this transaction has locked, with all that follows from it:
-- counters, reopening by the customer, AI run. No row when this sender has sent this client_message_id before.
WITH message AS (
    INSERT INTO messages (
        account_id,
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
    )
    SELECT
        account_id,
        :id,
        id,
        last_seq + 1,
        :sender_id,
        :sender_type,
        :sender_name,
        :content,
        :content_type,
        :attachments,
        :metadata,
        :private,
        :client_message_id,
        GREATEST(clock_timestamp(), updated_at)
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    ON CONFLICT (account_id, conversation_id, sender_id, client_message_id)
        WHERE client_message_id IS NOT NULL DO NOTHING
    RETURNING
        account_id,
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
        created_at,
        seq - 1 AS previous_seq, -- computed here, as row-level security keeps arithmetic away from an index
        sender_type = 'customer' AND NOT private AS asks,
        sender_type = 'agent' AND NOT private AS answers
), before AS (
    SELECT
        CASE WHEN message.asks AND conversations.status <> 'open' THEN conversations.status END AS reopened_from,
        COALESCE(previous.created_at > message.created_at - interval '5 seconds', false) AS follows_closely
    FROM message
    JOIN conversations
      ON conversations.account_id = message.account_id
     AND conversations.id = message.conversation_id
    LEFT JOIN messages AS previous
      ON previous.account_id = message.account_id
     AND previous.conversation_id = message.conversation_id
     AND previous.seq = message.previous_seq
), conversation AS (
    UPDATE conversations
    SET
        last_seq = message.seq,
        last_public_seq = CASE WHEN message.private THEN last_public_seq ELSE message.seq END,
        unread_staff = unread_staff + message.asks::integer,
        unread_customer = unread_customer + message.answers::integer,
        status = CASE WHEN message.asks THEN 'open' ELSE status END,
        updated_at = message.created_at
    FROM message
    WHERE conversations.account_id = message.account_id
      AND conversations.id = message.conversation_id
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        message.account_id,
        message.conversation_id,
        :event_id,
        'status_changed',
        message.sender_id,
        message.sender_type,
        jsonb_build_object('from', before.reopened_from, 'to', 'open', 'messageId', message.id),
        message.created_at
    FROM message
    CROSS JOIN before
    WHERE before.reopened_from IS NOT NULL
), job AS (
    INSERT INTO ai_jobs (account_id, id, conversation_id, message_id, seq, kind)
    SELECT account_id, :run_id, conversation_id, id, seq, 'classification'
    FROM message
    WHERE asks
    RETURNING id
)
SELECT
    message.id,
    message.conversation_id,
    message.seq,
    message.sender_id,
    message.sender_type,
    message.sender_name,
    message.content,
    message.content_type,
    message.attachments,
    message.metadata,
    message.private,
    message.client_message_id,
    message.created_at,
    before.reopened_from,
    before.follows_closely,
    (SELECT pg_notify('hummdesk_jobs', '') FROM job) AS notified
FROM message
CROSS JOIN before;

-- name: sent_before(conversation_id, sender_id, client_message_id)^
-- The message that a sender has stored with a client_message_id.
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
  AND conversation_id = :conversation_id
  AND sender_id = :sender_id
  AND client_message_id = :client_message_id;

-- name: overtaken(conversation_id, sender_id, client_message_id, based_on_seq)^
-- Whether another agent has replied after based_on_seq, and this is not the repeat of a send.
SELECT
    EXISTS (
        SELECT
        FROM messages
        WHERE account_id = current_account()
          AND conversation_id = :conversation_id
          AND seq > :based_on_seq::bigint
          AND sender_type = 'agent'
          AND sender_id <> :sender_id
          AND NOT private
    )
    AND NOT EXISTS (
        SELECT
        FROM messages
        WHERE account_id = current_account()
          AND conversation_id = :conversation_id
          AND sender_id = :sender_id
          AND client_message_id = :client_message_id
    ) AS overtaken;

-- name: page_after(conversation_id, after_seq, before_seq, with_private, limit)
-- The first messages after a seq, and before another.
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
  AND conversation_id = :conversation_id
  AND seq > :after_seq::bigint
  AND seq < :before_seq::bigint
  AND (:with_private OR NOT private)
ORDER BY seq
LIMIT :limit;

-- name: page_before(conversation_id, before_seq, with_private, limit)
-- The last messages before a seq, the latest first.
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
  AND conversation_id = :conversation_id
  AND seq < :before_seq::bigint
  AND (:with_private OR NOT private)
ORDER BY seq DESC
LIMIT :limit;
