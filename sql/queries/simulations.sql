-- name: add(id, since, max_conversations, max_dollars, provider, created_by)^
-- Add a simulation, unless it exists.
INSERT INTO ai_simulations (account_id, id, since, max_conversations, max_dollars, provider, created_by)
VALUES (current_account(), :id, :since, :max_conversations, :max_dollars, :provider, :created_by)
ON CONFLICT (account_id, id) DO NOTHING
RETURNING id;

-- name: cancel_others(id)!
-- End the other simulation of the account that has not finished. While its batch is in progress, it is due and keeps its
-- requests.
WITH ended AS (
    UPDATE ai_simulations
    SET
        status = 'cancelled',
        finished_at = clock_timestamp(),
        due_at = CASE WHEN batch_id IS NOT NULL THEN clock_timestamp() END
    WHERE account_id = current_account()
      AND id <> :id
      AND finished_at IS NULL
    RETURNING id, batch_id
)
UPDATE ai_simulated_drafts
SET request = NULL
FROM ended
WHERE ai_simulated_drafts.account_id = current_account()
  AND ai_simulated_drafts.simulation_id = ended.id
  AND ai_simulated_drafts.outcome IS NULL
  AND ai_simulated_drafts.request IS NOT NULL
  AND ended.batch_id IS NULL;

-- name: end_all()
-- End the simulations of the account. Those whose batch is in progress are due, as their next step cancels it.
UPDATE ai_simulations
SET
    status = CASE WHEN finished_at IS NULL THEN 'cancelled' ELSE status END,
    finished_at = COALESCE(finished_at, clock_timestamp()),
    due_at = CASE WHEN batch_id IS NOT NULL THEN clock_timestamp() END
WHERE account_id = current_account()
  AND (finished_at IS NULL OR batch_id IS NOT NULL)
RETURNING id, step, batch_id;

-- name: batches()
-- The simulations of the account whose batch is in progress. A task adds two to `step`: when it is sent, and when it
-- begins; when it has ended, `step_attempts` is 0.
SELECT
    id,
    step,
    step_attempts,
    batch_id,
    batch_provider
FROM ai_simulations
WHERE account_id = current_account()
  AND batch_id IS NOT NULL;

-- name: get(id)^
-- A simulation.
SELECT
    id,
    status,
    since,
    max_conversations,
    max_dollars,
    provider,
    conversations,
    questions,
    completed,
    cost_usd,
    unpriced,
    error,
    created_at,
    finished_at,
    batch_at
FROM ai_simulations
WHERE account_id = current_account()
  AND id = :id;

-- name: newest(limit)
-- The newest simulations of the account.
SELECT
    id,
    status,
    since,
    max_conversations,
    max_dollars,
    provider,
    conversations,
    questions,
    completed,
    cost_usd,
    unpriced,
    error,
    created_at,
    finished_at,
    batch_at
FROM ai_simulations
WHERE account_id = current_account()
ORDER BY id DESC
LIMIT :limit;

-- name: remove(id)^
-- Delete a simulation with its drafts, unless a batch of it is in progress.
DELETE FROM ai_simulations
WHERE account_id = current_account()
  AND id = :id
  AND batch_id IS NULL
RETURNING id;

-- name: beyond_newest(newest)
-- Delete the finished simulations of the account except the newest.
DELETE FROM ai_simulations
WHERE account_id = current_account()
  AND finished_at IS NOT NULL
  AND batch_id IS NULL
  AND id NOT IN (
      SELECT newer.id
      FROM ai_simulations AS newer
      WHERE newer.account_id = current_account()
      ORDER BY newer.id DESC
      LIMIT :newest
  )
RETURNING id;

-- name: take_due(limit, lease_seconds)
-- Take simulations whose next step is due; `step` identifies the step. Processes of a version without batches set `due_at`
-- to NULL when they end a simulation.
WITH due AS (
    SELECT account_id, id
    FROM ai_simulations
    WHERE due_at <= clock_timestamp()
       OR (
           due_at IS NULL
           AND batch_id IS NOT NULL
           AND batch_at <= clock_timestamp() - make_interval(secs => :lease_seconds)
       )
    ORDER BY due_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_simulations
SET step = step + 1, due_at = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM due
WHERE ai_simulations.account_id = due.account_id
  AND ai_simulations.id = due.id
RETURNING ai_simulations.account_id, ai_simulations.id, ai_simulations.step;

-- name: claim(id, step, lease_seconds)^
-- Begin a step; no row if another process has begun it, or the simulation has finished and no batch is in progress.
UPDATE ai_simulations
SET
    step = step + 1,
    step_attempts = step_attempts + 1,
    due_at = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM accounts
WHERE ai_simulations.account_id = current_account()
  AND ai_simulations.id = :id
  AND ai_simulations.step = :step
  AND (ai_simulations.finished_at IS NULL OR ai_simulations.batch_id IS NOT NULL)
  AND accounts.account_id = current_account()
RETURNING
    ai_simulations.account_id,
    ai_simulations.id,
    ai_simulations.status,
    ai_simulations.since,
    ai_simulations.max_conversations,
    ai_simulations.max_dollars,
    ai_simulations.cost_usd,
    ai_simulations.step_attempts,
    ai_simulations.batch_id,
    ai_simulations.batch_day,
    EXTRACT(EPOCH FROM clock_timestamp() - ai_simulations.batch_at)::float8 AS batch_seconds,
    COALESCE(ai_simulations.batch_provider, ai_simulations.provider, accounts.ai_provider) AS provider,
    accounts.ai_daily_tokens AS daily_tokens,
    accounts.ai_daily_dollars AS daily_dollars;

-- name: release(id, seconds)!
-- End a step; the next one is due after a delay.
UPDATE ai_simulations
SET step_attempts = 0, due_at = clock_timestamp() + make_interval(secs => :seconds)
WHERE account_id = current_account()
  AND id = :id
  AND (finished_at IS NULL OR batch_id IS NOT NULL);

-- name: finish(id, status, error)^
-- End a simulation, unless it has ended. While its batch is in progress, it is due and keeps its requests.
WITH ended AS (
    UPDATE ai_simulations
    SET
        status = :status,
        error = :error,
        finished_at = clock_timestamp(),
        due_at = CASE WHEN batch_id IS NOT NULL THEN clock_timestamp() END
    WHERE account_id = current_account()
      AND id = :id
      AND finished_at IS NULL
    RETURNING id, batch_id
), cleared AS (
    UPDATE ai_simulated_drafts
    SET request = NULL
    FROM ended
    WHERE ai_simulated_drafts.account_id = current_account()
      AND ai_simulated_drafts.simulation_id = ended.id
      AND ai_simulated_drafts.outcome IS NULL
      AND ai_simulated_drafts.request IS NOT NULL
      AND ended.batch_id IS NULL
)
SELECT id
FROM ended;

-- name: plan(id, since, max_conversations, max_messages, max_answers)^
-- Find the questions of a simulation: the last message of the customer before the replies of agents in the conversations
-- that were closed last, with the category that the AI or an agent has given it. Only the first `max_messages` public
-- messages of a conversation are read. Messages of machines are left out, as if they were not there.
WITH chosen AS MATERIALIZED (
    SELECT id
    FROM conversations
    WHERE account_id = current_account()
      AND status = 'closed'
      AND updated_at >= :since
      AND erased_at IS NULL
    ORDER BY updated_at DESC
    LIMIT :max_conversations
), planned AS (
    INSERT INTO ai_simulated_drafts (
        account_id,
        simulation_id,
        message_id,
        conversation_id,
        reply_seq,
        is_first,
        category
    )
    SELECT
        current_account(),
        :id,
        reply.question_id,
        chosen.id,
        reply.seq,
        reply.answers = 1,
        COALESCE(
            ai_corrections.category,
            ai_results.payload -> 'classification' ->> 'category',
            'unclassified'
        )
    FROM chosen
    CROSS JOIN LATERAL (
        SELECT turn.seq, turn.question_id, turn.answers
        FROM (
            SELECT
                read.seq,
                read.sender_type,
                lag(read.id) OVER in_order AS question_id,
                lag(read.sender_type) OVER in_order AS sender_before,
                count(*) FILTER (WHERE read.sender_type = 'agent') OVER in_order AS answers
            FROM (
                SELECT messages.id, messages.seq, messages.sender_type
                FROM messages
                WHERE messages.account_id = current_account()
                  AND messages.conversation_id = chosen.id
                  AND NOT messages.private
                  AND messages.sender_type <> 'system'
                  AND messages.metadata -> 'automatic' IS DISTINCT FROM 'true'::jsonb
                  AND messages.erased_at IS NULL
                ORDER BY messages.seq
                LIMIT :max_messages
            ) AS read
            WINDOW in_order AS (ORDER BY read.seq)
        ) AS turn
        WHERE turn.sender_type = 'agent'
          AND turn.sender_before = 'customer'
        ORDER BY turn.seq
        LIMIT :max_answers
    ) AS reply
    LEFT JOIN LATERAL (
        SELECT ai_runs.id
        FROM ai_runs
        WHERE ai_runs.account_id = current_account()
          AND ai_runs.message_id = reply.question_id
          AND ai_runs.kind = 'classification'
        ORDER BY ai_runs.repetition DESC
        LIMIT 1
    ) AS run ON true
    LEFT JOIN ai_results
      ON ai_results.account_id = current_account()
     AND ai_results.run_id = run.id
    LEFT JOIN ai_corrections
      ON ai_corrections.account_id = current_account()
     AND ai_corrections.message_id = reply.question_id
    ON CONFLICT DO NOTHING
    RETURNING message_id
)
UPDATE ai_simulations
SET
    status = 'running',
    started_at = clock_timestamp(),
    conversations = (SELECT count(*) FROM chosen),
    questions = (SELECT count(*) FROM planned)
WHERE account_id = current_account()
  AND id = :id
  AND status = 'pending'
RETURNING questions;

-- name: take_question(id, max_attempts, history_limit, history_characters, max_replies, max_messages)^
-- Begin an attempt of the next question: with the messages before it, newest first, the replies that followed up to the
-- next message of the customer, and the ids of all replies of agents in its conversation.
WITH next AS (
    SELECT message_id
    FROM ai_simulated_drafts
    WHERE account_id = current_account()
      AND simulation_id = :id
      AND outcome IS NULL
      AND request IS NULL
      AND attempts < :max_attempts
    ORDER BY message_id
    LIMIT 1
), begun AS (
    UPDATE ai_simulated_drafts
    SET attempts = attempts + 1
    FROM next
    WHERE ai_simulated_drafts.account_id = current_account()
      AND ai_simulated_drafts.simulation_id = :id
      AND ai_simulated_drafts.message_id = next.message_id
    RETURNING ai_simulated_drafts.message_id, ai_simulated_drafts.conversation_id, ai_simulated_drafts.reply_seq
)
SELECT
    begun.message_id,
    question.content,
    question.sender_name,
    ARRAY(
        SELECT jsonb_build_object('sender', earlier.sender_type, 'content', left(earlier.content, :history_characters))
        FROM messages AS earlier
        WHERE earlier.account_id = current_account()
          AND earlier.conversation_id = begun.conversation_id
          AND earlier.seq < question.seq
          AND NOT earlier.private
        ORDER BY earlier.seq DESC
        LIMIT :history_limit
    ) AS history,
    ARRAY(
        SELECT later.content
        FROM messages AS later
        WHERE later.account_id = current_account()
          AND later.conversation_id = begun.conversation_id
          AND later.seq >= begun.reply_seq
          AND later.seq < COALESCE(
              (
                  SELECT asked.seq
                  FROM messages AS asked
                  WHERE asked.account_id = current_account()
                    AND asked.conversation_id = begun.conversation_id
                    AND asked.seq > begun.reply_seq
                    AND asked.sender_type = 'customer'
                  ORDER BY asked.seq
                  LIMIT 1
              ),
              9223372036854775807
          )
          AND later.sender_type = 'agent'
          AND NOT later.private
        ORDER BY later.seq
        LIMIT :max_replies
    ) AS replies,
    ARRAY(
        SELECT own.id
        FROM messages AS own
        WHERE own.account_id = current_account()
          AND own.conversation_id = begun.conversation_id
          AND own.sender_type = 'agent'
          AND NOT own.private
        ORDER BY own.seq
        LIMIT :max_messages
    ) AS own_replies
FROM begun
JOIN messages AS question
  ON question.account_id = current_account()
 AND question.id = begun.message_id;

-- name: store_request(id, message_id, request)!
-- Store what a batch will ask about a question, unless the simulation has ended.
WITH held AS (
    SELECT id
    FROM ai_simulations
    WHERE account_id = current_account()
      AND id = :id
      AND finished_at IS NULL
    FOR NO KEY UPDATE
)
UPDATE ai_simulated_drafts
SET request = :request
FROM held
WHERE ai_simulated_drafts.account_id = current_account()
  AND ai_simulated_drafts.simulation_id = held.id
  AND ai_simulated_drafts.message_id = :message_id
  AND ai_simulated_drafts.outcome IS NULL;

-- name: count_requests(id)^
-- Of a simulation: the requests that are prepared, or in its batch.
SELECT count(*) AS requests
FROM ai_simulated_drafts
WHERE account_id = current_account()
  AND simulation_id = :id
  AND outcome IS NULL
  AND request IS NOT NULL;

-- name: requests(id, limit)
-- The requests of a simulation that are prepared, or in its batch.
SELECT message_id, request
FROM ai_simulated_drafts
WHERE account_id = current_account()
  AND simulation_id = :id
  AND outcome IS NULL
  AND request IS NOT NULL
ORDER BY message_id
LIMIT :limit;

-- name: begin_batch(id, provider, day, message_ids)^
-- Store that a batch with the requests about these messages is submitted, whose id is not known yet; others are prepared
-- again. No row if the simulation has ended.
WITH begun AS (
    UPDATE ai_simulations
    SET
        batch_id = '',
        batch_provider = :provider,
        batch_at = clock_timestamp(),
        batch_day = :day
    WHERE account_id = current_account()
      AND id = :id
      AND finished_at IS NULL
      AND batch_id IS NULL
    RETURNING id
), cleared AS (
    UPDATE ai_simulated_drafts
    SET request = NULL, attempts = 0
    FROM begun
    WHERE ai_simulated_drafts.account_id = current_account()
      AND ai_simulated_drafts.simulation_id = begun.id
      AND ai_simulated_drafts.outcome IS NULL
      AND ai_simulated_drafts.request IS NOT NULL
      AND ai_simulated_drafts.message_id <> ALL(:message_ids)
)
SELECT id
FROM begun;

-- name: name_batch(id, batch_id)^
-- Store the id of the batch that was submitted. No row if the simulation does not wait for it.
UPDATE ai_simulations
SET batch_id = :batch_id, batch_at = clock_timestamp(), step_attempts = 0
WHERE account_id = current_account()
  AND id = :id
  AND batch_id = ''
RETURNING id;

-- name: withdraw_batch(id)!
-- Store that the provider has not accepted the batch: the step is repeated after its lease.
WITH withdrawn AS (
    UPDATE ai_simulations
    SET
        batch_id = NULL,
        batch_provider = NULL,
        batch_at = NULL,
        batch_day = NULL,
        due_at = CASE WHEN finished_at IS NULL THEN due_at END
    WHERE account_id = current_account()
      AND id = :id
      AND batch_id = ''
    RETURNING id, finished_at
)
UPDATE ai_simulated_drafts
SET request = NULL
FROM withdrawn
WHERE ai_simulated_drafts.account_id = current_account()
  AND ai_simulated_drafts.simulation_id = withdrawn.id
  AND ai_simulated_drafts.outcome IS NULL
  AND ai_simulated_drafts.request IS NOT NULL
  AND withdrawn.finished_at IS NOT NULL;

-- name: remaining(id, message_ids)
-- Those of the messages whose questions the simulation still has.
SELECT message_id
FROM ai_simulated_drafts
WHERE account_id = current_account()
  AND simulation_id = :id
  AND message_id = ANY(:message_ids);

-- name: end_batch(id, cost)!
-- Go on without the batch: with the next step, or not at all if the simulation has ended. The cost is that of questions
-- that were erased.
WITH ended AS (
    UPDATE ai_simulations
    SET
        batch_id = NULL,
        batch_provider = NULL,
        batch_at = NULL,
        batch_day = NULL,
        cost_usd = cost_usd + :cost,
        due_at = CASE WHEN finished_at IS NULL THEN clock_timestamp() END
    WHERE account_id = current_account()
      AND id = :id
    RETURNING id
)
UPDATE ai_simulated_drafts
SET request = NULL, attempts = 0
FROM ended
WHERE ai_simulated_drafts.account_id = current_account()
  AND ai_simulated_drafts.simulation_id = ended.id
  AND ai_simulated_drafts.request IS NOT NULL;

-- name: store(id, draft)^
-- Store the draft of a question, given as a JSON object, unless it has one, and count it. The simulation is locked before
-- its draft, as when it is deleted.
WITH draft AS (
    SELECT *
    FROM json_to_record(:draft::json) AS draft (
        message_id uuid,
        outcome text,
        provider text,
        confidence float8,
        source_kind text,
        source_id uuid,
        draft text,
        facts integer,
        kept_facts integer,
        other_facts integer,
        edit_distance float8,
        draft_words integer,
        reply_words integer,
        cost_usd numeric,
        unpriced integer
    )
), held AS (
    SELECT id
    FROM ai_simulations
    WHERE account_id = current_account()
      AND id = :id
    FOR NO KEY UPDATE
), stored AS (
    UPDATE ai_simulated_drafts
    SET
        outcome = draft.outcome,
        provider = draft.provider,
        confidence = draft.confidence,
        source_kind = draft.source_kind,
        source_id = draft.source_id,
        draft = draft.draft,
        facts = draft.facts,
        kept_facts = draft.kept_facts,
        other_facts = draft.other_facts,
        edit_distance = draft.edit_distance,
        draft_words = draft.draft_words,
        reply_words = draft.reply_words,
        cost_usd = draft.cost_usd,
        request = NULL
    FROM draft
    CROSS JOIN held
    WHERE ai_simulated_drafts.account_id = current_account()
      AND ai_simulated_drafts.simulation_id = held.id
      AND ai_simulated_drafts.message_id = draft.message_id
      AND ai_simulated_drafts.outcome IS NULL
    RETURNING ai_simulated_drafts.message_id
)
UPDATE ai_simulations
SET
    completed = completed + 1,
    cost_usd = ai_simulations.cost_usd + COALESCE(draft.cost_usd, 0),
    unpriced = ai_simulations.unpriced + draft.unpriced
FROM draft
WHERE ai_simulations.account_id = current_account()
  AND ai_simulations.id = :id
  AND EXISTS (SELECT FROM stored)
RETURNING ai_simulations.cost_usd;

-- name: fail_open(id)
-- Count the questions without a draft as failed: their attempts have ended the worker process.
UPDATE ai_simulated_drafts
SET outcome = 'failed'
WHERE account_id = current_account()
  AND simulation_id = :id
  AND outcome IS NULL
RETURNING message_id;

-- name: abstained(id, limit, length)
-- The newest questions of a simulation that nothing answers.
SELECT drafts.message_id, left(messages.content, :length) AS content
FROM ai_simulated_drafts AS drafts
JOIN messages
  ON messages.account_id = current_account()
 AND messages.id = drafts.message_id
WHERE drafts.account_id = current_account()
  AND drafts.simulation_id = :id
  AND drafts.outcome = 'abstained'
  AND messages.erased_at IS NULL
ORDER BY drafts.message_id DESC
LIMIT :limit;

-- name: store_topics(id, topics)!
-- Store the topics of a simulation, given as a JSON recordset, unless it has some.
INSERT INTO unanswered_topics (account_id, simulation_id, number, questions, message_ids)
SELECT current_account(), :id, topic.number, topic.questions, topic.message_ids
FROM json_to_recordset(:topics::json) AS topic (number integer, questions integer, message_ids uuid[])
ON CONFLICT DO NOTHING;

-- name: topics(id, limit, length)
-- The largest topics of a simulation, each with the examples that are not erased.
SELECT
    topic.questions,
    ARRAY(
        SELECT jsonb_build_object(
            'messageId', messages.id,
            'conversationId', messages.conversation_id,
            'question', left(messages.content, :length)
        )
        FROM unnest(topic.message_ids) WITH ORDINALITY AS example (id, position)
        JOIN messages
          ON messages.account_id = current_account()
         AND messages.id = example.id
        WHERE messages.erased_at IS NULL
        ORDER BY example.position
    ) AS examples
FROM unanswered_topics AS topic
WHERE topic.account_id = current_account()
  AND topic.simulation_id = :id
ORDER BY topic.number
LIMIT :limit;

-- name: figures(id)
-- The figures of a simulation in all (`group` NULL), by category, by source, and for first and later answers.
SELECT
    CASE
        WHEN GROUPING(category) = 0 THEN 'category'
        WHEN GROUPING(source_kind) = 0 THEN 'source'
        WHEN GROUPING(is_first) = 0 THEN 'answer'
        ELSE 'all'
    END AS kind,
    category,
    source_kind,
    source_id,
    is_first,
    max(knowledge_articles.title) AS title,
    count(*) AS questions,
    count(*) FILTER (WHERE outcome = 'drafted') AS drafted,
    count(*) FILTER (WHERE outcome = 'failed') AS failed,
    COALESCE(sum(facts), 0) AS facts,
    COALESCE(sum(kept_facts), 0) AS kept_facts,
    COALESCE(sum(other_facts), 0) AS other_facts,
    count(*) FILTER (WHERE facts > 0) AS with_facts,
    count(*) FILTER (WHERE kept_facts = facts AND facts > 0) AS with_all_facts,
    avg(edit_distance) AS edit_distance,
    avg(draft_words) FILTER (WHERE outcome = 'drafted')::float8 AS draft_words,
    avg(reply_words) FILTER (WHERE outcome = 'drafted')::float8 AS reply_words,
    COALESCE(sum(cost_usd), 0) AS cost_usd
FROM ai_simulated_drafts
LEFT JOIN knowledge_articles
  ON knowledge_articles.account_id = current_account()
 AND knowledge_articles.id = ai_simulated_drafts.source_id
WHERE ai_simulated_drafts.account_id = current_account()
  AND simulation_id = :id
  AND outcome IS NOT NULL
GROUP BY GROUPING SETS ((), (category), (source_kind, source_id), (is_first))
ORDER BY kind, questions DESC, category, source_kind, source_id, is_first;

-- name: curve(id, category)
-- For each least confidence, how many questions would get a draft and what those drafts keep; of one category or, with
-- NULL, of all.
SELECT
    least.confidence::float8 AS min_confidence,
    count(*) FILTER (WHERE drafts.confidence >= least.confidence) AS drafted,
    count(drafts.message_id) AS questions,
    COALESCE(sum(drafts.facts) FILTER (WHERE drafts.confidence >= least.confidence), 0) AS facts,
    COALESCE(sum(drafts.kept_facts) FILTER (WHERE drafts.confidence >= least.confidence), 0) AS kept_facts,
    count(*) FILTER (WHERE drafts.confidence >= least.confidence AND drafts.facts > 0) AS with_facts,
    count(*) FILTER (
        WHERE drafts.confidence >= least.confidence
          AND drafts.facts > 0
          AND drafts.kept_facts = drafts.facts
    ) AS with_all_facts,
    avg(drafts.edit_distance) FILTER (WHERE drafts.confidence >= least.confidence) AS edit_distance
FROM (SELECT step / 20::numeric AS confidence FROM generate_series(0, 20) AS step) AS least
LEFT JOIN (
    SELECT
        message_id,
        CASE WHEN outcome = 'drafted' THEN confidence END AS confidence,
        facts,
        kept_facts,
        edit_distance
    FROM ai_simulated_drafts
    WHERE account_id = current_account()
      AND simulation_id = :id
      AND outcome IS NOT NULL
      AND (:category::text IS NULL OR category = :category)
) AS drafts ON true
GROUP BY least.confidence
ORDER BY least.confidence;

-- name: drafts(id, before_id, category, limit, length)
-- The drafts of a simulation with what agents have sent, newest question first.
SELECT
    drafts.message_id,
    drafts.conversation_id,
    drafts.category,
    drafts.is_first,
    drafts.outcome,
    drafts.provider,
    drafts.confidence,
    drafts.source_kind,
    drafts.source_id,
    knowledge_articles.title AS source_title,
    drafts.draft,
    drafts.facts,
    drafts.kept_facts,
    drafts.other_facts,
    drafts.edit_distance,
    left(question.content, :length) AS question,
    left(reply.content, :length) AS reply
FROM ai_simulated_drafts AS drafts
JOIN messages AS question
  ON question.account_id = current_account()
 AND question.id = drafts.message_id
LEFT JOIN messages AS reply
  ON reply.account_id = current_account()
 AND reply.conversation_id = drafts.conversation_id
 AND reply.seq = drafts.reply_seq
LEFT JOIN knowledge_articles
  ON knowledge_articles.account_id = current_account()
 AND knowledge_articles.id = drafts.source_id
WHERE drafts.account_id = current_account()
  AND drafts.simulation_id = :id
  AND drafts.message_id < :before_id
  AND drafts.outcome IS NOT NULL
  AND (:category::text IS NULL OR drafts.category = :category)
ORDER BY drafts.message_id DESC
LIMIT :limit;
