-- The classification of each message of a customer, and the past answer of each reply, of `message`.
, run AS (
    INSERT INTO ai_runs (
        account_id, id, conversation_id, message_id, seq, kind, status, outcome, attempts, available_at, published_at,
        lease_until, deadline_at, started_at, created_at, finished_at, announced_at
    )
    SELECT
        account_id, id, conversation_id, id, seq, 'classification', 'done', 'done', 1, created_at, created_at,
        created_at, created_at, created_at, created_at, created_at, created_at
    FROM message
    WHERE sender_type = 'customer'
    RETURNING account_id, id
), answer AS (
    INSERT INTO past_answers (account_id, message_id, conversation_id, seq, learned_at)
    SELECT account_id, id, conversation_id, seq, created_at
    FROM message
    WHERE sender_type = 'agent'
)
INSERT INTO ai_results (account_id, run_id, kind, payload)
SELECT
    account_id,
    id,
    'classification',
    '{"classification": {"category": "billing", "priority": "medium", "confidence": 0.91, "language": "en"}}'
FROM run
