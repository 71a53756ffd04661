-- name: unlearned(limit, turns, length)
-- Lock the oldest unprocessed replies of agents, each with the public messages before it (newest first), the customer,
-- and the last draft for one of those messages.
WITH new AS MATERIALIZED (
    SELECT message_id, conversation_id, seq
    FROM past_answers
    WHERE account_id = current_account()
      AND learned_at IS NULL
    ORDER BY message_id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT
    new.message_id,
    messages.content,
    messages.sender_name AS agent_name,
    contacts.name AS customer_name,
    contacts.email AS customer_email,
    draft.run_id AS draft_run_id,
    draft.seq AS draft_seq,
    draft.content AS draft,
    ARRAY(
        SELECT jsonb_build_object(
            'sender', earlier.sender_type,
            'name', earlier.sender_name,
            'seq', earlier.seq,
            'content', left(earlier.content, :length)
        )
        FROM messages AS earlier
        WHERE earlier.account_id = current_account()
          AND earlier.conversation_id = new.conversation_id
          AND earlier.seq < new.seq
          AND NOT earlier.private
        ORDER BY earlier.seq DESC
        LIMIT :turns
    ) AS before
FROM new
JOIN messages
  ON messages.account_id = current_account()
 AND messages.id = new.message_id
JOIN conversations
  ON conversations.account_id = current_account()
 AND conversations.id = new.conversation_id
JOIN contacts
  ON contacts.account_id = current_account()
 AND contacts.id = conversations.contact_id
LEFT JOIN LATERAL (
    SELECT ai_runs.id AS run_id, ai_runs.seq, ai_results.payload -> 'draft' ->> 'content' AS content
    FROM messages AS asked
    JOIN ai_runs
      ON ai_runs.account_id = current_account()
     AND ai_runs.message_id = asked.id
     AND ai_runs.kind = 'draft'
     AND ai_runs.outcome = 'done'
    JOIN ai_results
      ON ai_results.account_id = current_account()
     AND ai_results.run_id = ai_runs.id
    WHERE asked.account_id = current_account()
      AND asked.conversation_id = new.conversation_id
      AND asked.seq >= new.seq - :turns::bigint
      AND asked.seq < new.seq
    ORDER BY asked.seq DESC
    LIMIT 1
) AS draft ON true
ORDER BY new.message_id;

-- name: store_lessons(lessons)
-- Store what was learned from replies that `unlearned` has locked, given as a JSON recordset, and log the use of drafts.
WITH lesson AS (
    SELECT *
    FROM json_to_recordset(:lessons::json) AS lesson (
        message_id uuid,
        run_id uuid,
        use text,
        question text,
        answer text,
        event_id uuid
    )
), stored AS (
    UPDATE past_answers
    SET
        learned_at = clock_timestamp(),
        draft_run_id = lesson.run_id,
        draft_use = lesson.use,
        question = lesson.question,
        answer = lesson.answer
    FROM lesson
    WHERE past_answers.account_id = current_account()
      AND past_answers.message_id = lesson.message_id
    RETURNING past_answers.message_id
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details)
    SELECT
        messages.account_id,
        messages.conversation_id,
        lesson.event_id,
        'draft_used',
        messages.sender_id,
        'agent',
        jsonb_build_object('messageId', messages.id, 'runId', lesson.run_id, 'use', lesson.use)
    FROM lesson
    JOIN messages
      ON messages.account_id = current_account()
     AND messages.id = lesson.message_id
    WHERE lesson.run_id IS NOT NULL
)
SELECT message_id
FROM stored;

-- name: beyond_newest(newest)
-- The searchable answers of the account except the newest.
SELECT message_id
FROM past_answers
WHERE account_id = current_account()
  AND question IS NOT NULL
ORDER BY message_id DESC
OFFSET :newest;

-- name: remove_answers(message_ids)
-- Remove question, answer and vectors of past answers; the use of their drafts stays.
WITH removed AS (
    DELETE FROM knowledge_passages
    WHERE account_id = current_account()
      AND past_answer_id = ANY (:message_ids::uuid[])
)
UPDATE past_answers
SET question = NULL, answer = NULL, indexed_as = NULL
WHERE account_id = current_account()
  AND message_id = ANY (:message_ids::uuid[])
RETURNING message_id;

-- name: unlearned_accounts(limit)
-- Accounts with unprocessed replies of agents, those with the oldest first.
SELECT account_id
FROM past_answers
WHERE learned_at IS NULL
GROUP BY account_id
ORDER BY min(message_id::text)
LIMIT :limit;
