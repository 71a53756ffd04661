-- name: correct(conversation_id, message_id, category, priority, actor_id, event_id)^
-- Store an agent's correction of the classification of a customer's message, merged with an earlier one, and log it.
WITH message AS (
    SELECT account_id, id, conversation_id
    FROM messages
    WHERE account_id = current_account()
      AND id = :message_id
      AND conversation_id = :conversation_id
      AND sender_type = 'customer'
      AND erased_at IS NULL
), correction AS (
    INSERT INTO ai_corrections (account_id, message_id, category, priority, corrected_by)
    SELECT account_id, id, :category, :priority, :actor_id
    FROM message
    ON CONFLICT (account_id, message_id) DO UPDATE
    SET
        category = COALESCE(EXCLUDED.category, ai_corrections.category),
        priority = COALESCE(EXCLUDED.priority, ai_corrections.priority),
        corrected_by = EXCLUDED.corrected_by,
        corrected_at = clock_timestamp()
    RETURNING corrected_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details)
    SELECT
        account_id,
        conversation_id,
        :event_id,
        'classification_corrected',
        :actor_id,
        'agent',
        jsonb_strip_nulls(jsonb_build_object(
            'messageId', id, 'category', :category::text, 'priority', :priority::text
        ))
    FROM message
)
SELECT corrected_at
FROM correction;

-- name: versions(account_ids)
-- By account with corrections, a time that changes with them, also when one is deleted.
SELECT account_id, max(corrected_at) + count(*) * interval '1 microsecond' AS version
FROM ai_corrections
WHERE account_id = ANY(:account_ids)
GROUP BY account_id;

-- name: newest(account_id, limit, length)
-- The newest corrections of an account with the corrected messages.
SELECT
    ai_corrections.message_id,
    ai_corrections.category,
    ai_corrections.priority,
    ai_corrections.vector,
    ai_corrections.model,
    left(messages.content, :length) AS content
FROM ai_corrections
JOIN messages
  ON messages.account_id = ai_corrections.account_id
 AND messages.id = ai_corrections.message_id
WHERE ai_corrections.account_id = :account_id
ORDER BY ai_corrections.corrected_at DESC
LIMIT :limit;

-- name: store_vectors(account_id, message_ids, vectors, model)
-- Store the embeddings of corrected messages.
UPDATE ai_corrections
SET vector = made.vector, model = :model
FROM unnest(:message_ids::uuid[], :vectors::bytea[]) AS made (message_id, vector)
WHERE ai_corrections.account_id = :account_id
  AND ai_corrections.message_id = made.message_id
RETURNING ai_corrections.message_id;
