-- name: rate(conversation_id, rating, comment, actor_id, event_id)^
-- Store the customer's rating of the last closing of a conversation, in place of an earlier one, and log it; no row unless
-- the conversation is closed. The caller has locked the conversation.
WITH rated AS (
    UPDATE conversations
    SET rating = :rating, updated_at = GREATEST(clock_timestamp(), updated_at)
    WHERE account_id = current_account()
      AND id = :conversation_id
      AND status = 'closed'
      AND erased_at IS NULL
    RETURNING account_id, id, assigned_to, assigned_team, updated_at
), closing AS (
    SELECT id
    FROM conversation_events
    WHERE account_id = current_account()
      AND conversation_id = :conversation_id
      AND kind = 'status_changed'
      AND details ->> 'to' = 'closed'
    ORDER BY created_at DESC, id DESC
    LIMIT 1
), stored AS (
    INSERT INTO conversation_ratings (
        account_id,
        conversation_id,
        closing_id,
        rating,
        comment,
        agent_id,
        team_id,
        rated_at
    )
    SELECT
        account_id,
        id,
        COALESCE((SELECT closing.id FROM closing), rated.id),
        :rating,
        :comment,
        assigned_to,
        assigned_team,
        updated_at
    FROM rated
    ON CONFLICT (account_id, conversation_id, closing_id) DO UPDATE
    SET
        rating = EXCLUDED.rating,
        comment = EXCLUDED.comment,
        agent_id = EXCLUDED.agent_id,
        team_id = EXCLUDED.team_id,
        rated_at = EXCLUDED.rated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        :event_id,
        'rated',
        :actor_id,
        'customer',
        jsonb_strip_nulls(jsonb_build_object('rating', :rating::integer, 'comment', :comment::text)),
        updated_at
    FROM rated
)
SELECT updated_at AS at
FROM rated;
