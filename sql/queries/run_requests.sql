-- name: request(conversation_id, kind, run_id)^
-- Start a run about the newest public message, unless one is current: not ended, or done. One that waits for further messages
-- of the customer becomes due. No row: there is no such message, or it needs no draft. `run_id` is NULL if another
-- transaction has started a run since this statement began.
WITH newest AS (
    SELECT messages.account_id, messages.conversation_id, messages.id, messages.seq
    FROM conversations
    JOIN messages
      ON messages.account_id = conversations.account_id
     AND messages.conversation_id = conversations.id
     AND messages.seq = conversations.last_public_seq
    WHERE conversations.account_id = current_account()
      AND conversations.id = :conversation_id
      AND messages.erased_at IS NULL
      AND (:kind::text <> 'draft' OR conversations.status <> 'closed' AND messages.sender_type = 'customer')
), last AS (
    SELECT
        ai_runs.id,
        ai_runs.repetition,
        ai_runs.finished_at IS NULL OR COALESCE(ai_runs.outcome = 'done', false) AS is_current
    FROM newest
    JOIN ai_runs
      ON ai_runs.account_id = newest.account_id
     AND ai_runs.message_id = newest.id
     AND ai_runs.kind = :kind
    ORDER BY ai_runs.repetition DESC
    LIMIT 1
), started AS (
    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, repetition)
    SELECT account_id, :run_id, conversation_id, id, seq, :kind, COALESCE((SELECT repetition + 1 FROM last), 0)
    FROM newest
    WHERE NOT EXISTS (SELECT FROM last WHERE is_current)
    ON CONFLICT (account_id, message_id, kind, repetition) DO NOTHING
    RETURNING id
), hurried AS (
    UPDATE ai_runs
    SET available_at = clock_timestamp()
    FROM last
    WHERE last.is_current
      AND ai_runs.account_id = current_account()
      AND ai_runs.id = last.id
      AND ai_runs.status = 'pending'
      AND ai_runs.attempts = 0
      AND ai_runs.available_at > clock_timestamp()
    RETURNING ai_runs.id
), notified AS MATERIALIZED (
    SELECT pg_notify('hummdesk_runs', '')
    WHERE EXISTS (SELECT FROM started)
       OR EXISTS (SELECT FROM hurried)
)
SELECT COALESCE((SELECT id FROM started), (SELECT id FROM last WHERE is_current)) AS run_id
FROM newest
LEFT JOIN notified ON true;

-- name: assist(conversation_id, message_id, run_id)^
-- Start a run for one agent about a message, or without an id about the newest one. No row: there is no such message, or it
-- is erased. `run_id` is NULL if another transaction has started a run about it since this statement began.
WITH wanted AS MATERIALIZED (
    SELECT COALESCE(
        :message_id::uuid,
        (
            SELECT id
            FROM messages
            WHERE account_id = current_account()
              AND conversation_id = :conversation_id
            ORDER BY seq DESC
            LIMIT 1
        )
    ) AS id
), about AS (
    SELECT messages.account_id, messages.conversation_id, messages.id, messages.seq
    FROM wanted
    JOIN messages
      ON messages.account_id = current_account()
     AND messages.id = wanted.id
    WHERE messages.conversation_id = :conversation_id
      AND (:message_id::uuid IS NULL OR messages.erased_at IS NULL)
), started AS (
    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, repetition)
    SELECT
        about.account_id,
        :run_id,
        about.conversation_id,
        about.id,
        about.seq,
        'assist',
        (
            SELECT COALESCE(max(earlier.repetition) + 1, 0)
            FROM ai_runs AS earlier
            WHERE earlier.account_id = about.account_id
              AND earlier.message_id = about.id
              AND earlier.kind = 'assist'
        )
    FROM about
    ON CONFLICT (account_id, message_id, kind, repetition) DO NOTHING
    RETURNING id
), notified AS MATERIALIZED (
    SELECT pg_notify('hummdesk_runs', '')
    WHERE EXISTS (SELECT FROM started)
)
SELECT (SELECT id FROM started) AS run_id
FROM about
LEFT JOIN notified ON true;
