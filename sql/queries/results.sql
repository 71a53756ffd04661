-- name: result(run_id)^
-- The result of a run.
SELECT payload
FROM ai_results
WHERE account_id = current_account()
  AND run_id = :run_id;

-- name: latest(conversation_id, recent_messages)
-- The newest classification of the last `recent_messages` messages of a conversation, one that says what it is about
-- before others, and the newest draft unless an agent has replied after its message.
WITH recent AS (
    SELECT id, seq, sender_type = 'agent' AND NOT private AS answers
    FROM messages
    WHERE account_id = current_account()
      AND conversation_id = :conversation_id
    ORDER BY seq DESC
    LIMIT :recent_messages
)
SELECT DISTINCT ON (ai_runs.kind)
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.outcome,
    ai_runs.last_error,
    ai_runs.started_at,
    ai_runs.finished_at,
    ai_results.payload,
    ai_corrections.category,
    ai_corrections.priority
FROM recent
JOIN ai_runs
  ON ai_runs.account_id = current_account()
 AND ai_runs.message_id = recent.id
JOIN ai_results
  ON ai_results.account_id = ai_runs.account_id
 AND ai_results.run_id = ai_runs.id
LEFT JOIN ai_corrections
  ON ai_corrections.account_id = current_account()
 AND ai_corrections.message_id = recent.id
 AND ai_runs.kind = 'classification'
WHERE ai_runs.outcome = 'done'
  AND (ai_runs.kind <> 'draft' OR recent.seq > COALESCE((SELECT max(seq) FROM recent WHERE answers), 0))
ORDER BY
    ai_runs.kind,
    COALESCE(
        ai_runs.kind = 'classification'
        AND CASE
            WHEN ai_corrections.category IS NOT NULL THEN ai_corrections.category = 'general'
            ELSE ai_results.payload -> 'classification' ->> 'category' = 'general'
                OR ai_results.payload -> 'classification' -> 'unknown' = 'true'
        END,
        false
    ),
    recent.seq DESC;
