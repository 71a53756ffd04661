-- name: claim(account_ids, run_ids, delivery, lease_seconds, turns, turn_length)
-- Begin a try of runs, with what it needs to know; no row for one that is being tried, has ended or is past its deadline.
WITH named AS (
    SELECT account_id, id
    FROM unnest(:account_ids::uuid[], :run_ids::uuid[]) AS named (account_id, id)
), claimable AS (
    SELECT ai_runs.account_id, ai_runs.id
    FROM named
    JOIN ai_runs
      ON ai_runs.account_id = named.account_id
     AND ai_runs.id = named.id
    WHERE (
          ai_runs.status = 'pending' AND ai_runs.available_at <= clock_timestamp()
          OR ai_runs.status = 'published'
      )
      AND (ai_runs.deadline_at IS NULL OR ai_runs.deadline_at > clock_timestamp())
    FOR UPDATE OF ai_runs SKIP LOCKED
), job AS (
    UPDATE ai_runs
    SET
        status = 'running',
        attempts = attempts + 1,
        published_at = COALESCE(published_at, clock_timestamp()),
        claimed_by = :delivery,
        lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
        started_at = COALESCE(started_at, clock_timestamp())
    FROM claimable
    WHERE ai_runs.account_id = claimable.account_id
      AND ai_runs.id = claimable.id
    RETURNING
        ai_runs.account_id,
        ai_runs.id,
        ai_runs.conversation_id,
        ai_runs.message_id,
        ai_runs.seq,
        ai_runs.kind,
        ai_runs.attempts,
        ai_runs.started_at,
        ai_runs.deadline_at
)
SELECT
    job.account_id,
    job.id,
    job.kind,
    job.attempts,
    job.started_at,
    EXTRACT(epoch FROM job.deadline_at - clock_timestamp())::float8 AS seconds_left,
    accounts.ai_provider AS provider,
    conversations.assigned_to,
    EXISTS (
        SELECT
        FROM messages AS later
        WHERE later.account_id = job.account_id
          AND later.conversation_id = job.conversation_id
          AND later.seq > job.seq
          AND NOT later.private
          AND later.sender_type IN ('customer', 'agent')
    ) AS overtaken,
    ARRAY(
        SELECT jsonb_build_object('sender', earlier.sender_type, 'content', left(earlier.content, :turn_length))
        FROM messages AS earlier
        WHERE earlier.account_id = job.account_id
          AND earlier.conversation_id = job.conversation_id
          AND earlier.seq < job.seq
          AND NOT earlier.private
        ORDER BY earlier.seq DESC
        LIMIT :turns
    ) AS history,
    messages.id AS message_id,
    messages.conversation_id AS message_conversation_id,
    messages.seq AS message_seq,
    messages.sender_id AS message_sender_id,
    messages.sender_type AS message_sender_type,
    messages.sender_name AS message_sender_name,
    messages.content AS message_content,
    messages.content_type AS message_content_type,
    messages.attachments AS message_attachments,
    messages.metadata AS message_metadata,
    messages.private AS message_private,
    messages.client_message_id AS message_client_message_id,
    messages.created_at AS message_created_at
FROM job
JOIN accounts
  ON accounts.account_id = job.account_id
JOIN messages
  ON messages.account_id = job.account_id
 AND messages.id = job.message_id
JOIN conversations
  ON conversations.account_id = job.account_id
 AND conversations.id = job.conversation_id
ORDER BY job.id;

-- name: settle(account_ids, run_ids, attempts, statuses, outcomes, errors, delays, payloads, priorities, event_ids, draft_ids, quiet_seconds)
-- End tries, or hand their runs back to be tried later, with all that follows: result, priority, drafts asked for and made idle.
-- A draft that a newer message or an agent's reply has overtaken is superseded, whatever was found.
WITH verdict AS (
    SELECT
        account_id,
        run_id,
        attempt,
        status,
        outcome,
        error,
        delay,
        payload::jsonb AS payload,
        priority,
        event_id,
        draft_id
    FROM unnest(
        :account_ids::uuid[],
        :run_ids::uuid[],
        :attempts::integer[],
        :statuses::text[],
        :outcomes::text[],
        :errors::text[],
        :delays::float8[],
        :payloads::text[],
        :priorities::text[],
        :event_ids::uuid[],
        :draft_ids::uuid[]
    ) AS verdict (
        account_id, run_id, attempt, status, outcome, error, delay, payload, priority, event_id, draft_id
    )
), held AS (
    SELECT
        verdict.*,
        ai_runs.conversation_id,
        ai_runs.message_id,
        ai_runs.seq,
        ai_runs.kind
    FROM verdict
    JOIN ai_runs
      ON ai_runs.account_id = verdict.account_id
     AND ai_runs.id = verdict.run_id
    WHERE ai_runs.status = 'running'
      AND ai_runs.attempts = verdict.attempt
    ORDER BY ai_runs.account_id, ai_runs.id
    FOR UPDATE OF ai_runs SKIP LOCKED
), tried AS (
    SELECT
        held.*,
        EXISTS (
            SELECT
            FROM messages AS later
            WHERE later.account_id = held.account_id
              AND later.conversation_id = held.conversation_id
              AND later.seq > held.seq
              AND NOT later.private
              AND later.sender_type IN ('customer', 'agent')
        ) AS overtaken
    FROM held
), judged AS (
    SELECT
        account_id,
        run_id,
        conversation_id,
        message_id,
        seq,
        kind,
        overtaken,
        CASE WHEN kind = 'draft' AND overtaken THEN 'done' ELSE status END AS status,
        CASE WHEN kind = 'draft' AND overtaken THEN 'superseded' ELSE outcome END AS outcome,
        error,
        delay,
        payload,
        priority,
        event_id,
        draft_id
    FROM tried
), ended AS (
    UPDATE ai_runs
    SET
        status = judged.status,
        outcome = judged.outcome,
        last_error = COALESCE(judged.error, last_error),
        available_at = CASE
            WHEN judged.status = 'pending' THEN clock_timestamp() + make_interval(secs => judged.delay)
            ELSE available_at
        END,
        published_at = CASE WHEN judged.status = 'pending' THEN NULL ELSE published_at END,
        lease_until = CASE WHEN judged.status = 'pending' THEN NULL ELSE lease_until END,
        finished_at = CASE WHEN judged.status = 'pending' THEN NULL ELSE clock_timestamp() END
    FROM judged
    WHERE ai_runs.account_id = judged.account_id
      AND ai_runs.id = judged.run_id
    RETURNING
        ai_runs.id,
        ai_runs.account_id,
        ai_runs.conversation_id,
        ai_runs.message_id,
        ai_runs.kind,
        ai_runs.status,
        ai_runs.outcome,
        ai_runs.last_error,
        ai_runs.started_at,
        ai_runs.finished_at
), result AS (
    INSERT INTO ai_results (account_id, run_id, kind, payload)
    SELECT account_id, run_id, kind, payload
    FROM judged
    WHERE payload IS NOT NULL
      AND outcome <> 'superseded'
    ON CONFLICT (account_id, run_id) DO NOTHING
), wanted AS (
    SELECT DISTINCT ON (account_id, conversation_id) account_id, conversation_id, priority, event_id
    FROM judged
    WHERE priority IS NOT NULL
    ORDER BY account_id, conversation_id, seq DESC
), unequal AS (
    SELECT
        conversations.account_id,
        conversations.id,
        conversations.priority AS old,
        wanted.priority AS new,
        wanted.event_id
    FROM wanted
    JOIN conversations
      ON conversations.account_id = wanted.account_id
     AND conversations.id = wanted.conversation_id
    WHERE conversations.priority <> wanted.priority
    ORDER BY conversations.account_id, conversations.id
    FOR NO KEY UPDATE OF conversations
), changed AS (
    UPDATE conversations
    SET priority = unequal.new
    FROM unequal
    WHERE conversations.account_id = unequal.account_id
      AND conversations.id = unequal.id
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details)
    SELECT account_id, id, event_id, 'priority_changed', 'system', jsonb_build_object('from', old, 'to', new)
    FROM unequal
), stale AS (
    SELECT ai_runs.account_id, ai_runs.id
    FROM judged
    JOIN ai_runs
      ON ai_runs.account_id = judged.account_id
     AND ai_runs.conversation_id = judged.conversation_id
    WHERE judged.kind = 'classification'
      AND judged.status = 'done'
      AND ai_runs.announced_at IS NULL
      AND ai_runs.kind = 'draft'
      AND ai_runs.status IN ('pending', 'published', 'running')
      AND ai_runs.seq < judged.seq
    ORDER BY ai_runs.account_id, ai_runs.id
    FOR UPDATE OF ai_runs SKIP LOCKED
), superseded AS (
    UPDATE ai_runs
    SET status = 'done', outcome = 'superseded', finished_at = clock_timestamp()
    FROM (SELECT DISTINCT account_id, id FROM stale) AS one
    WHERE ai_runs.account_id = one.account_id
      AND ai_runs.id = one.id
    RETURNING
        ai_runs.id,
        ai_runs.account_id,
        ai_runs.conversation_id,
        ai_runs.message_id,
        ai_runs.kind,
        ai_runs.status,
        ai_runs.outcome,
        ai_runs.last_error,
        ai_runs.started_at,
        ai_runs.finished_at
), draft AS (
    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, available_at)
    SELECT
        judged.account_id,
        judged.draft_id,
        judged.conversation_id,
        judged.message_id,
        judged.seq,
        'draft',
        messages.created_at + make_interval(secs => :quiet_seconds)
    FROM judged
    JOIN messages
      ON messages.account_id = judged.account_id
     AND messages.id = judged.message_id
    JOIN conversations
      ON conversations.account_id = judged.account_id
     AND conversations.id = judged.conversation_id
    WHERE judged.kind = 'classification'
      AND judged.status = 'done'
      AND NOT judged.overtaken
      AND conversations.assigned_to IS NOT NULL
    ON CONFLICT (account_id, message_id, kind) DO NOTHING
    RETURNING id
), woken AS (
    SELECT pg_notify('hummdesk_runs', '') AS notified
    WHERE EXISTS (SELECT FROM draft)
       OR EXISTS (SELECT FROM ended WHERE status = 'pending')
)
SELECT
    told.*,
    EXISTS (
        SELECT
        FROM unequal
        WHERE unequal.account_id = told.account_id
          AND unequal.id = told.conversation_id
    ) AS reprioritized,
    (SELECT count(notified) FROM woken) AS woken
FROM (
    SELECT * FROM ended
    UNION ALL
    SELECT * FROM superseded
) AS told
ORDER BY told.message_id, told.id;

-- name: hand_back(account_ids, run_ids, delivery)
-- End the leases of runs that a delivery has claimed whose worker is gone: the relay has them tried again.
UPDATE ai_runs
SET lease_until = clock_timestamp()
FROM unnest(:account_ids::uuid[], :run_ids::uuid[]) AS named (account_id, id)
WHERE ai_runs.account_id = named.account_id
  AND ai_runs.id = named.id
  AND ai_runs.status = 'running'
  AND ai_runs.claimed_by = :delivery
RETURNING ai_runs.id;

-- name: announced(account_ids, run_ids)
-- Note that the terminal events of ended runs have been emitted.
-- With «announced_at IS NULL» the plan would rather look through all open runs of an account, for each of these.
UPDATE ai_runs
SET announced_at = clock_timestamp()
FROM unnest(:account_ids::uuid[], :run_ids::uuid[]) AS named (account_id, id)
WHERE ai_runs.account_id = named.account_id
  AND ai_runs.id = named.id
  AND ai_runs.finished_at IS NOT NULL
  AND COALESCE(ai_runs.announced_at, 'infinity') = 'infinity'
RETURNING ai_runs.id;
