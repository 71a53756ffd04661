-- name: unlearned(limit, turns, length)
-- Lock the oldest replies of agents that nobody has looked at, each with what led to it: the public messages before it,
-- the newest first, the customer, and the last draft that answered one of them.
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

-- name: learned(message_ids, run_ids, uses, questions, answers, event_ids)
-- Keep what has been learned of replies that `unlearned` has locked, and log what became of the drafts.
WITH lesson AS (
    SELECT *
    FROM unnest(
        :message_ids::uuid[],
        :run_ids::uuid[],
        :uses::text[],
        :questions::text[],
        :answers::text[],
        :event_ids::uuid[]
    ) AS lesson (message_id, run_id, use, question, answer, event_id)
), kept AS (
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
FROM kept;

-- name: superfluous(keep)
-- Answers of the account that can be found, but for the newest.
SELECT message_id
FROM past_answers
WHERE account_id = current_account()
  AND question IS NOT NULL
ORDER BY message_id DESC
OFFSET :keep;

-- name: forget(message_ids)
-- Have answers no longer found: they keep what became of their drafts, and nothing else.
WITH gone AS (
    DELETE FROM knowledge_passages
    WHERE account_id = current_account()
      AND past_answer_id = ANY (:message_ids::uuid[])
)
UPDATE past_answers
SET question = NULL, answer = NULL, indexed_as = NULL
WHERE account_id = current_account()
  AND message_id = ANY (:message_ids::uuid[])
RETURNING message_id;

-- name: waiting(limit)
-- Accounts with replies of agents that nobody has looked at.
SELECT account_id
FROM past_answers
WHERE learned_at IS NULL
GROUP BY account_id
ORDER BY min(message_id::text)
LIMIT :limit;
