-- compatible from: 0036
-- Ratings of closed conversations by their customers. The rating of a conversation is that of its last closing: it is
-- cleared when the conversation is reopened.

CREATE TABLE conversation_ratings (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    closing_id uuid NOT NULL,
    rating smallint NOT NULL,
    comment text,
    agent_id uuid,
    team_id uuid,
    rated_at timestamptz NOT NULL,
    CONSTRAINT conversation_ratings_pkey PRIMARY KEY (account_id, conversation_id, closing_id),
    CONSTRAINT conversation_ratings_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT conversation_ratings_rating_known CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT conversation_ratings_comment_length CHECK (length(comment) BETWEEN 1 AND 1000)
);
CREATE INDEX conversation_ratings_by_time ON conversation_ratings (account_id, rated_at);

ALTER TABLE conversations ADD COLUMN rating smallint;

CREATE FUNCTION clear_rating() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.rating := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_rating_cleared
    BEFORE UPDATE OF status ON conversations
    FOR EACH ROW WHEN (OLD.rating IS NOT NULL AND NEW.status <> 'closed')
    EXECUTE FUNCTION clear_rating();

ALTER TABLE conversation_ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_ratings FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON conversation_ratings TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON conversation_ratings TO hummdesk_operator USING (true);
CREATE POLICY changed_by_eraser ON conversation_ratings FOR UPDATE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, UPDATE (rating, comment, agent_id, team_id, rated_at) ON conversation_ratings TO hummdesk_app;
GRANT SELECT ON conversation_ratings TO hummdesk_operator;
GRANT UPDATE (comment) ON conversation_ratings TO hummdesk_eraser;
GRANT UPDATE (rating) ON conversations TO hummdesk_app;

-- What the figures of a report are made of, for the account of the transaction: one row for each
--   first_response  conversation that was opened in the range, with the first public reply of an agent, not automatic,
--                   after the customer's first message; `detail` is answered, unanswered, or unasked: without such a
--                   message
--   resolution      closing in the range, from the opening or the last reopening
--   draft           record in the range of how an agent has used a draft; `detail` is the use
--   rating          rating in the range, of the last closing before it
-- `at` decides the range, and the hour. The agent has sent the reply, closed the conversation, used the draft, or was
-- assigned when the customer rated; the team is the one that the conversation was assigned to then, by its log. The
-- function is inlined, as one that it called would not be, and what a query leaves out costs nothing. CASE keeps the index
-- by kind and time out, which has the entries of all conversations.
CREATE FUNCTION report_items(since timestamptz, until timestamptz)
    RETURNS TABLE (
        figure text,
        id uuid,
        conversation_id uuid,
        at timestamptz,
        agent_id uuid,
        team_id uuid,
        seconds double precision,
        detail text,
        rating smallint
    )
    LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
    SELECT
        'first_response' AS figure,
        opening.id,
        opening.conversation_id,
        opening.created_at,
        reply.sender_id,
        (
            SELECT (move.details ->> 'toTeam')::uuid
            FROM conversation_events AS move
            WHERE move.account_id = current_account()
              AND move.conversation_id = opening.conversation_id
              AND move.created_at <= reply.created_at
              AND CASE WHEN move.kind IN ('assigned', 'unassigned') THEN true END
            ORDER BY move.created_at DESC, move.id DESC
            LIMIT 1
        ) AS team_id,
        EXTRACT(epoch FROM reply.created_at - question.created_at)::double precision AS seconds,
        CASE WHEN question.seq IS NULL THEN 'unasked' WHEN reply.seq IS NULL THEN 'unanswered' ELSE 'answered' END AS detail,
        NULL::smallint AS rating
    FROM conversation_events AS opening
    LEFT JOIN LATERAL (
        SELECT messages.seq, messages.created_at
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = opening.conversation_id
          AND messages.sender_type = 'customer'
        ORDER BY messages.seq
        LIMIT 1
    ) AS question ON true
    LEFT JOIN LATERAL (
        SELECT messages.seq, messages.created_at, messages.sender_id
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = opening.conversation_id
          AND messages.seq > question.seq
          AND messages.sender_type = 'agent'
          AND NOT messages.private
          AND messages.metadata -> 'automatic' IS DISTINCT FROM 'true'::jsonb
        ORDER BY messages.seq
        LIMIT 1
    ) AS reply ON true
    WHERE opening.account_id = current_account()
      AND opening.kind = 'created'
      AND opening.created_at >= since
      AND opening.created_at < until
    UNION ALL
    SELECT
        'resolution' AS figure,
        closing.id,
        closing.conversation_id,
        closing.created_at,
        CASE WHEN closing.actor_type = 'agent' THEN closing.actor_id END AS agent_id,
        (
            SELECT (move.details ->> 'toTeam')::uuid
            FROM conversation_events AS move
            WHERE move.account_id = current_account()
              AND move.conversation_id = closing.conversation_id
              AND move.created_at <= closing.created_at
              AND CASE WHEN move.kind IN ('assigned', 'unassigned') THEN true END
            ORDER BY move.created_at DESC, move.id DESC
            LIMIT 1
        ) AS team_id,
        EXTRACT(epoch FROM closing.created_at - (
            SELECT opening.created_at
            FROM conversation_events AS opening
            WHERE opening.account_id = current_account()
              AND opening.conversation_id = closing.conversation_id
              AND opening.created_at <= closing.created_at
              AND (
                  opening.kind = 'created'
                  OR opening.kind = 'status_changed' AND opening.details ->> 'from' = 'closed'
              )
            ORDER BY opening.created_at DESC
            LIMIT 1
        ))::double precision AS seconds,
        NULL AS detail,
        NULL AS rating
    FROM conversation_events AS closing
    WHERE closing.account_id = current_account()
      AND closing.kind = 'status_changed'
      AND closing.details ->> 'to' = 'closed'
      AND closing.created_at >= since
      AND closing.created_at < until
    UNION ALL
    SELECT
        'draft' AS figure,
        used.id,
        used.conversation_id,
        used.created_at,
        used.actor_id,
        (
            SELECT (move.details ->> 'toTeam')::uuid
            FROM conversation_events AS move
            WHERE move.account_id = current_account()
              AND move.conversation_id = used.conversation_id
              AND move.created_at <= used.created_at
              AND CASE WHEN move.kind IN ('assigned', 'unassigned') THEN true END
            ORDER BY move.created_at DESC, move.id DESC
            LIMIT 1
        ) AS team_id,
        NULL AS seconds,
        used.details ->> 'use' AS detail,
        NULL AS rating
    FROM conversation_events AS used
    WHERE used.account_id = current_account()
      AND used.kind = 'draft_used'
      AND used.created_at >= since
      AND used.created_at < until
    UNION ALL
    SELECT
        'rating' AS figure,
        rated.closing_id,
        rated.conversation_id,
        rated.rated_at,
        rated.agent_id,
        rated.team_id,
        NULL AS seconds,
        rated.comment,
        rated.rating
    FROM conversation_ratings AS rated
    WHERE rated.account_id = current_account()
      AND rated.rated_at >= since
      AND rated.rated_at < until;
END;
