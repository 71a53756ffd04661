-- name: passed(conversation_id, contact_id, limit)
-- The conversations of a contact that a message to one of them passes, in order: the last one receives it. Nothing is
-- locked.
WITH RECURSIVE passed AS (
    SELECT id, contact_id, continued_in, 1 AS position
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    UNION ALL
    SELECT conversations.id, conversations.contact_id, conversations.continued_in, passed.position + 1
    FROM passed
    JOIN conversations
      ON conversations.account_id = current_account()
     AND conversations.id = passed.continued_in
    WHERE passed.position < :limit
)
SELECT id
FROM passed
WHERE contact_id = :contact_id
ORDER BY position;

-- name: reached(conversation_id, contact_id)
-- The conversations of a contact that receive the messages to one of them, or did before one on the way was reopened.
-- OFFSET 0 makes the planner look up each by its index.
WITH RECURSIVE reached AS (
    SELECT id, contact_id, continued_in, continued_before
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    UNION
    SELECT next.id, next.contact_id, next.continued_in, next.continued_before
    FROM reached
    CROSS JOIN LATERAL unnest(reached.continued_before || reached.continued_in) AS given (id)
    CROSS JOIN LATERAL (
        SELECT id, contact_id, continued_in, continued_before
        FROM conversations
        WHERE account_id = current_account()
          AND id = given.id
        OFFSET 0
    ) AS next
)
SELECT id
FROM reached
WHERE contact_id = :contact_id;

-- name: settle(conversation_id, ids)!
-- Store where repeated messages to a locked conversation, which was continued and reopened, are found.
UPDATE conversations
SET repeats_in = :ids::uuid[]
WHERE account_id = current_account()
  AND id = :conversation_id
  AND continued_in IS NULL
  AND continued_before IS NOT NULL
  AND repeats_in IS NULL;

-- name: lock(conversation_id, contact_id, seconds)^
-- Lock a conversation of a contact until the transaction ends; return where the contact's messages go, and whether it was
-- closed and unchanged for so long that it is not reopened (seconds NULL: never).
SELECT
    continued_in,
    status = 'closed' AND COALESCE(updated_at < clock_timestamp() - make_interval(secs => :seconds), false) AS is_over
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
  AND contact_id = :contact_id
FOR NO KEY UPDATE;

-- name: start(conversation_id, id, actor_id, actor_type, created_event_id, event_id)!
-- Open a conversation that continues a locked one of the same contact with its subject, log both, and add outbox entries.
WITH found AS (
    SELECT account_id, id, contact_id, subject
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
), opened AS (
    INSERT INTO conversations (account_id, id, contact_id, subject, continuation_of)
    SELECT account_id, :id, contact_id, subject, id
    FROM found
    RETURNING account_id, id, created_at
), continued AS (
    UPDATE conversations
    SET continued_in = :id, updated_at = GREATEST(clock_timestamp(), updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
    RETURNING conversations.account_id, conversations.id, conversations.updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        :created_event_id::uuid,
        'created',
        :actor_id::uuid,
        :actor_type::text,
        '{}'::jsonb,
        created_at
    FROM opened
    UNION ALL
    SELECT
        account_id,
        id,
        :event_id::uuid,
        'continued',
        :actor_id::uuid,
        :actor_type::text,
        jsonb_build_object('to', :id::uuid),
        updated_at
    FROM continued
)
INSERT INTO outbox (account_id, id, conversation_id, seq)
SELECT account_id, id, id, 0
FROM opened
UNION ALL
SELECT account_id, :event_id::uuid, :conversation_id::uuid, -2
FROM opened;

-- name: lock_for_merge(conversation_id)^
-- Lock a conversation until the transaction ends; return what decides whether it can be merged.
SELECT
    contact_id,
    status,
    continued_in,
    erased_at IS NOT NULL AS erased
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
FOR NO KEY UPDATE;

-- name: merge(conversation_id, target_id, old_status, actor_id, actor_type, event_id, status_event_id, target_event_id)!
-- Close a locked conversation whose customer's messages go to another locked one from now on; log it in both, after the
-- change of the status, and add outbox entries.
WITH merged AS (
    UPDATE conversations
    SET
        status = 'closed',
        continued_in = :target_id,
        updated_at = GREATEST(clock_timestamp(), updated_at)
    WHERE account_id = current_account()
      AND id = :conversation_id
    RETURNING account_id, id, updated_at
), target AS (
    UPDATE conversations
    SET updated_at = GREATEST(clock_timestamp(), updated_at)
    WHERE account_id = current_account()
      AND id = :target_id
    RETURNING account_id, id, updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        :status_event_id::uuid,
        'status_changed',
        :actor_id::uuid,
        :actor_type::text,
        jsonb_build_object('from', :old_status::text, 'to', 'closed'),
        updated_at
    FROM merged
    WHERE :old_status::text <> 'closed'
    UNION ALL
    SELECT
        account_id,
        id,
        :event_id::uuid,
        'merged',
        :actor_id::uuid,
        :actor_type::text,
        jsonb_build_object('to', :target_id::uuid),
        updated_at
    FROM merged
    UNION ALL
    SELECT
        account_id,
        id,
        :target_event_id::uuid,
        'merged',
        :actor_id::uuid,
        :actor_type::text,
        jsonb_build_object('from', :conversation_id::uuid),
        updated_at
    FROM target
    RETURNING account_id, id, conversation_id
)
INSERT INTO outbox (account_id, id, conversation_id, seq)
SELECT account_id, id, conversation_id, -2
FROM event;
