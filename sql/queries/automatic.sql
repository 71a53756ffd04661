-- name: settings()^
-- The categories that the AI may answer by itself; no row: none.
SELECT is_enabled, categories
FROM automatic_answers
WHERE account_id = current_account();

-- name: put(is_enabled, categories)!
-- Set the categories that the AI may answer by itself.
INSERT INTO automatic_answers (account_id, is_enabled, categories)
VALUES (current_account(), :is_enabled, :categories)
ON CONFLICT (account_id) DO UPDATE
SET is_enabled = excluded.is_enabled, categories = excluded.categories;

-- name: proven(simulation_id, category, min_confidence)^
-- The provider with the most drafts of a category in a simulation that is done, and how many of them have at least a
-- confidence; no row: it has drafted none.
SELECT
    ai_simulated_drafts.provider,
    count(*) FILTER (WHERE ai_simulated_drafts.confidence >= :min_confidence) AS drafted
FROM ai_simulations
JOIN ai_simulated_drafts
  ON ai_simulated_drafts.account_id = current_account()
 AND ai_simulated_drafts.simulation_id = ai_simulations.id
WHERE ai_simulations.account_id = current_account()
  AND ai_simulations.id = :simulation_id
  AND ai_simulations.status = 'done'
  AND ai_simulated_drafts.category = :category
  AND ai_simulated_drafts.outcome = 'drafted'
GROUP BY ai_simulated_drafts.provider
ORDER BY count(*) DESC, ai_simulated_drafts.provider
LIMIT 1;

-- name: case(conversation_id, message_id, seq, run_id, attempt)^
-- What decides about an automatic answer to the message of a draft run: the settings, the classification, whether the
-- attempt still runs and the message is the newest public one of an open conversation, and what was answered before. No
-- row: the account has none enabled, or the message is not classified. The caller has locked the conversation.
SELECT
    automatic_answers.categories,
    accounts.name AS account_name,
    COALESCE(ai_corrections.category, ai_results.payload -> 'classification' ->> 'category') AS category,
    ai_results.payload -> 'classification' ->> 'sentiment' AS sentiment,
    COALESCE(state.answers, 0) AS answers,
    COALESCE(state.failures, 0) AS failures,
    state.verdict,
    state.handed_over_at IS NOT NULL AS is_handed_over,
    COALESCE(state.last_seq > :seq, false) AS is_answered,
    conversations.status = 'open'
    AND conversations.last_public_seq = :seq
    AND EXISTS (
        SELECT
        FROM ai_runs
        WHERE ai_runs.account_id = current_account()
          AND ai_runs.id = :run_id
          AND ai_runs.attempts = :attempt
          AND ai_runs.status = 'running'
    ) AS is_current
FROM automatic_answers
JOIN accounts
  ON accounts.account_id = current_account()
JOIN conversations
  ON conversations.account_id = current_account()
 AND conversations.id = :conversation_id
CROSS JOIN LATERAL (
    SELECT id
    FROM ai_runs
    WHERE ai_runs.account_id = current_account()
      AND ai_runs.message_id = :message_id
      AND ai_runs.kind = 'classification'
    ORDER BY repetition DESC
    LIMIT 1
) AS run
JOIN ai_results
  ON ai_results.account_id = current_account()
 AND ai_results.run_id = run.id
LEFT JOIN ai_corrections
  ON ai_corrections.account_id = current_account()
 AND ai_corrections.message_id = :message_id
LEFT JOIN automatic_conversations AS state
  ON state.account_id = current_account()
 AND state.conversation_id = :conversation_id
WHERE automatic_answers.account_id = current_account()
  AND automatic_answers.is_enabled;

-- name: may_answer(conversation_id, seq, category, confidence)^
-- Whether the machine may answer the message with a seq: it is the newest public one, of the customer, the conversation is
-- open, no person has ever answered in it, it was not handed over, and the account still allows it. The caller has locked
-- the conversation.
SELECT
    conversations.status = 'open'
    AND conversations.erased_at IS NULL
    AND conversations.last_public_seq = :seq
    AND EXISTS (
        SELECT
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = :conversation_id
          AND messages.seq = :seq
          AND messages.sender_type = 'customer'
          AND messages.erased_at IS NULL
    )
    AND ( -- the order keeps the planner from scanning the table for a first one
        SELECT messages.seq
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = :conversation_id
          AND messages.sender_type = 'agent'
          AND NOT messages.private
          AND messages.metadata -> 'automatic' IS DISTINCT FROM 'true'::jsonb
        ORDER BY messages.seq
        LIMIT 1
    ) IS NULL
    AND NOT EXISTS (
        SELECT
        FROM automatic_conversations
        WHERE automatic_conversations.account_id = current_account()
          AND automatic_conversations.conversation_id = :conversation_id
          AND automatic_conversations.handed_over_at IS NOT NULL
    )
    AND EXISTS (
        SELECT
        FROM automatic_answers
        WHERE automatic_answers.account_id = current_account()
          AND automatic_answers.is_enabled
          AND (automatic_answers.categories -> :category ->> 'minConfidence')::float8 <= :confidence
    ) AS may
FROM conversations
WHERE conversations.account_id = current_account()
  AND conversations.id = :conversation_id;

-- name: answered(conversation_id, category, failures, seq)!
-- Record that the machine has answered.
INSERT INTO automatic_conversations (account_id, conversation_id, category, answers, failures, last_seq)
VALUES (current_account(), :conversation_id, :category, 1, :failures, :seq)
ON CONFLICT (account_id, conversation_id) DO UPDATE
SET
    answers = automatic_conversations.answers + 1,
    failures = excluded.failures,
    last_at = clock_timestamp(),
    last_seq = excluded.last_seq,
    verdict = NULL;

-- name: judge(conversation_id, verdict)^
-- Record whether the last answer has answered the question; a repeated verdict changes nothing. No row: the machine has not
-- answered in the conversation.
WITH found AS (
    SELECT verdict AS old
    FROM automatic_conversations
    WHERE account_id = current_account()
      AND conversation_id = :conversation_id
    FOR NO KEY UPDATE
)
UPDATE automatic_conversations
SET
    verdict = COALESCE(:verdict, verdict),
    failures = failures + CASE WHEN :verdict = 'no' AND found.old IS DISTINCT FROM 'no' THEN 1 ELSE 0 END
FROM found
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
RETURNING failures, handed_over_at IS NOT NULL AS is_handed_over;

-- name: hand_over(conversation_id, reason)^
-- Record that the conversation was handed over to people, once, unless a person has answered, whose it is already, or it is
-- continued in another one.
UPDATE automatic_conversations
SET handed_over_at = clock_timestamp(), reason = :reason
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND handed_over_at IS NULL
  AND NOT EXISTS (
      SELECT
      FROM conversations
      WHERE conversations.account_id = current_account()
        AND conversations.id = :conversation_id
        AND conversations.continued_in IS NOT NULL
  )
  AND ( -- the order keeps the planner from scanning the table for a first one
      SELECT messages.seq
      FROM messages
      WHERE messages.account_id = current_account()
        AND messages.conversation_id = :conversation_id
        AND messages.sender_type = 'agent'
        AND NOT messages.private
        AND messages.metadata -> 'automatic' IS DISTINCT FROM 'true'::jsonb
      ORDER BY messages.seq
      LIMIT 1
  ) IS NULL
RETURNING conversation_id;

-- name: language(conversation_id)^
-- The language of a conversation: of the newest classification of the last messages of which it is known.
SELECT ai_results.payload -> 'classification' ->> 'language' AS language
FROM (
    SELECT id, seq
    FROM messages
    WHERE messages.account_id = current_account()
      AND messages.conversation_id = :conversation_id
    ORDER BY seq DESC
    LIMIT 20
) AS recent
JOIN ai_runs
  ON ai_runs.account_id = current_account()
 AND ai_runs.message_id = recent.id
 AND ai_runs.kind = 'classification'
 AND ai_runs.outcome = 'done'
JOIN ai_results
  ON ai_results.account_id = current_account()
 AND ai_results.run_id = ai_runs.id
WHERE ai_results.payload -> 'classification' ->> 'language' <> 'und'
ORDER BY recent.seq DESC
LIMIT 1;

-- name: figures(since, until, hours, limit)
-- What became of the newest conversations of a range in which the machine has answered, by category. `resolved`: for so
-- many hours after its last answer neither the customer nor a person wrote, and nobody was asked for; `waiting`: that time
-- is not over.
WITH conversation AS MATERIALIZED (
    SELECT conversation_id, category, answers, last_at, last_seq, verdict, reason
    FROM automatic_conversations
    WHERE account_id = current_account()
      AND first_at >= :since
      AND first_at < :until
    ORDER BY first_at DESC
    LIMIT :limit
), judged AS (
    SELECT
        conversation.*,
        conversation.last_at < clock_timestamp() - make_interval(hours => :hours) AS is_over,
        conversation.reason IS NOT NULL OR next.sender_type IS NOT NULL AS is_continued,
        COALESCE(next.sender_type = 'agent', false) AS is_answered_by_person
    FROM conversation
    LEFT JOIN LATERAL (
        SELECT messages.sender_type
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = conversation.conversation_id
          AND messages.seq > conversation.last_seq
          AND messages.sender_type <> 'system'
          AND NOT messages.private
          AND messages.created_at < conversation.last_at + make_interval(hours => :hours)
        ORDER BY messages.seq
        LIMIT 1
    ) AS next ON true
)
SELECT
    category,
    count(*) AS conversations,
    sum(answers) AS answers,
    count(*) FILTER (WHERE is_over AND NOT is_continued) AS resolved,
    count(*) FILTER (WHERE NOT is_over AND NOT is_continued) AS waiting,
    count(*) FILTER (WHERE reason IS NOT NULL) AS handed_over,
    count(*) FILTER (WHERE reason = 'low_score') AS low_score,
    count(*) FILTER (WHERE reason = 'anger') AS anger,
    count(*) FILTER (WHERE reason = 'second_failure') AS second_failure,
    count(*) FILTER (WHERE reason = 'asked') AS asked,
    count(*) FILTER (WHERE is_answered_by_person) AS person,
    count(*) FILTER (WHERE verdict = 'yes') AS yes,
    count(*) FILTER (WHERE verdict = 'no') AS no
FROM judged
GROUP BY GROUPING SETS ((), (category))
ORDER BY GROUPING(category) DESC, conversations DESC, category;
