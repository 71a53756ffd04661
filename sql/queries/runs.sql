-- name: claim(account_ids, run_ids, delivery, lease_seconds, history_limit, history_characters)
-- Claim runs, start an attempt of each and return what it needs. Runs that another worker has claimed, that have ended or
-- that are past their deadline return no row.
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
), claimed AS (
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
    claimed.account_id,
    claimed.id,
    claimed.kind,
    claimed.attempts,
    claimed.started_at,
    EXTRACT(epoch FROM claimed.deadline_at - clock_timestamp())::float8 AS seconds_left,
    accounts.ai_provider AS provider,
    accounts.ai_daily_tokens AS daily_tokens,
    accounts.ai_daily_dollars AS daily_dollars,
    accounts.ai_min_confidence AS min_confidence,
    own_categories.changed_at AS categories_version,
    EXISTS (
        SELECT
        FROM automatic_answers
        WHERE automatic_answers.account_id = claimed.account_id
          AND automatic_answers.is_enabled
    ) AS is_automatic,
    conversations.assigned_to,
    EXISTS (
        SELECT
        FROM messages AS later
        WHERE later.account_id = claimed.account_id
          AND later.conversation_id = claimed.conversation_id
          AND later.seq > claimed.seq
          AND NOT later.private
          AND later.sender_type IN ('customer', 'agent')
    ) AS has_newer_message,
    ARRAY(
        SELECT jsonb_build_object('sender', earlier.sender_type, 'content', left(earlier.content, :history_characters))
        FROM messages AS earlier
        WHERE earlier.account_id = claimed.account_id
          AND earlier.conversation_id = claimed.conversation_id
          AND earlier.seq < claimed.seq
          AND NOT earlier.private
          AND earlier.erased_at IS NULL
        ORDER BY earlier.seq DESC
        LIMIT :history_limit
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
    messages.mentions AS message_mentions,
    messages.created_at AS message_created_at,
    messages.revision AS message_revision,
    messages.erased_at IS NOT NULL AS message_erased,
    messages.withdrawn AS message_withdrawn
FROM claimed
JOIN accounts
  ON accounts.account_id = claimed.account_id
JOIN messages
  ON messages.account_id = claimed.account_id
 AND messages.id = claimed.message_id
CROSS JOIN LATERAL ( -- OFFSET 0: as a join, it would look through the conversations of an account that has few on average
    SELECT assigned_to
    FROM conversations
    WHERE account_id = claimed.account_id
      AND id = claimed.conversation_id
    OFFSET 0
) AS conversations
LEFT JOIN own_categories
  ON own_categories.account_id = claimed.account_id
 AND (own_categories.is_enabled OR own_categories.tags <> '[]')
ORDER BY claimed.id;

-- name: settle(results, quiet_seconds)
-- Store the results of attempts, given as a JSON recordset, with everything that follows from them.
--   result        the recordset, a row for each attempt
--   held          lock the runs whose attempt is still running; another process has ended the others
--   checked       add whether a newer public message exists
--   decided       a draft run with a newer message is superseded, whatever its result is
--   ended         update the runs: done, failed, or pending again after a delay
--   stored        insert the payloads of done runs
--   wanted        the new priority of each conversation, from its latest message in the batch
--   unequal, reprioritized, event
--                 lock and update the conversations whose priority changes, and log the change
--   stale, superseded
--                 lock and end the open draft runs for earlier messages than a classified one; with published_at they
--                 leave the index of runs that wait for the relay
--   draft         create the draft run of a classified message, if it is the newest of an assigned conversation, or of one
--                 that the AI may answer by itself; after the locks of `unequal`, because an assignment locks the
--                 conversation before it creates the same run
--   notified      wake the relay if runs are due
-- Locks are taken in the order of the primary key, or skipped, so that batches cannot deadlock.
WITH result AS (
    SELECT
        account_id,
        run_id,
        attempt,
        status,
        outcome,
        error,
        delay,
        payload,
        priority,
        event_id,
        draft_id
    FROM json_to_recordset(:results::json) AS result (
        account_id uuid,
        run_id uuid,
        attempt integer,
        status text,
        outcome text,
        error text,
        delay float8,
        payload jsonb,
        priority text,
        event_id uuid,
        draft_id uuid
    )
), held AS (
    SELECT
        result.*,
        ai_runs.conversation_id,
        ai_runs.message_id,
        ai_runs.seq,
        ai_runs.kind
    FROM result
    JOIN ai_runs
      ON ai_runs.account_id = result.account_id
     AND ai_runs.id = result.run_id
    WHERE ai_runs.status = 'running'
      AND ai_runs.attempts = result.attempt
    ORDER BY ai_runs.account_id, ai_runs.id
    FOR UPDATE OF ai_runs SKIP LOCKED
), checked AS (
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
        ) AS has_newer_message
    FROM held
), decided AS (
    SELECT
        account_id,
        run_id,
        conversation_id,
        message_id,
        seq,
        kind,
        has_newer_message,
        CASE WHEN kind = 'draft' AND has_newer_message THEN 'done' ELSE status END AS status,
        CASE WHEN kind = 'draft' AND has_newer_message THEN 'superseded' ELSE outcome END AS outcome,
        error,
        delay,
        payload,
        priority,
        event_id,
        draft_id
    FROM checked
), ended AS (
    UPDATE ai_runs
    SET
        status = decided.status,
        outcome = decided.outcome,
        last_error = COALESCE(decided.error, last_error),
        available_at = CASE
            WHEN decided.status = 'pending' THEN clock_timestamp() + make_interval(secs => decided.delay)
            ELSE available_at
        END,
        published_at = CASE WHEN decided.status = 'pending' THEN NULL ELSE published_at END,
        lease_until = CASE WHEN decided.status = 'pending' THEN NULL ELSE lease_until END,
        finished_at = CASE WHEN decided.status = 'pending' THEN NULL ELSE clock_timestamp() END
    FROM decided
    WHERE ai_runs.account_id = decided.account_id
      AND ai_runs.id = decided.run_id
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
), stored AS (
    INSERT INTO ai_results (account_id, run_id, kind, payload)
    SELECT account_id, run_id, kind, payload
    FROM decided
    WHERE payload IS NOT NULL
      AND outcome <> 'superseded'
    ON CONFLICT (account_id, run_id) DO NOTHING
), wanted AS (
    SELECT DISTINCT ON (account_id, conversation_id) account_id, conversation_id, priority, event_id
    FROM decided
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
), reprioritized AS (
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
    FROM decided
    JOIN ai_runs
      ON ai_runs.account_id = decided.account_id
     AND ai_runs.conversation_id = decided.conversation_id
    WHERE decided.kind = 'classification'
      AND decided.status = 'done'
      AND ai_runs.announced_at IS NULL
      AND ai_runs.kind = 'draft'
      AND ai_runs.status IN ('pending', 'published', 'running')
      AND ai_runs.seq < decided.seq
    ORDER BY ai_runs.account_id, ai_runs.id
    FOR UPDATE OF ai_runs SKIP LOCKED
), superseded AS (
    UPDATE ai_runs
    SET
        status = 'done',
        outcome = 'superseded',
        published_at = COALESCE(ai_runs.published_at, clock_timestamp()),
        finished_at = clock_timestamp()
    FROM (SELECT DISTINCT account_id, id FROM stale) AS outdated
    WHERE ai_runs.account_id = outdated.account_id
      AND ai_runs.id = outdated.id
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
        decided.account_id,
        decided.draft_id,
        decided.conversation_id,
        decided.message_id,
        decided.seq,
        'draft',
        messages.created_at + make_interval(secs => :quiet_seconds)
    FROM decided
    JOIN messages
      ON messages.account_id = decided.account_id
     AND messages.id = decided.message_id
    JOIN conversations
      ON conversations.account_id = decided.account_id
     AND conversations.id = decided.conversation_id
    WHERE decided.kind = 'classification'
      AND decided.status = 'done'
      AND NOT decided.has_newer_message
      AND (
          conversations.assigned_to IS NOT NULL
          OR EXISTS (
              SELECT
              FROM automatic_answers
              WHERE automatic_answers.account_id = decided.account_id
                AND automatic_answers.is_enabled
                AND (
                    automatic_answers.categories ? (decided.payload -> 'classification' ->> 'category')
                    OR EXISTS (
                        SELECT
                        FROM automatic_conversations
                        WHERE automatic_conversations.account_id = decided.account_id
                          AND automatic_conversations.conversation_id = decided.conversation_id
                          AND automatic_conversations.handed_over_at IS NULL
                    )
                )
          )
      )
      AND (SELECT count(*) FROM unequal) IS NOT NULL
    ON CONFLICT (account_id, message_id, kind, repetition) DO NOTHING
    RETURNING id
), notified AS (
    SELECT pg_notify('hummdesk_runs', '') AS sent
    WHERE EXISTS (SELECT FROM draft)
       OR EXISTS (SELECT FROM ended WHERE status = 'pending')
)
SELECT
    settled.*,
    EXISTS (
        SELECT
        FROM unequal
        WHERE unequal.account_id = settled.account_id
          AND unequal.id = settled.conversation_id
    ) AS reprioritized,
    (SELECT count(sent) FROM notified) AS notified
FROM (
    SELECT * FROM ended
    UNION ALL
    SELECT * FROM superseded
) AS settled
ORDER BY settled.message_id, settled.id;

-- name: release(account_ids, run_ids, delivery)
-- End the leases of runs that a delivery has claimed whose worker is lost: the relay sends them again.
UPDATE ai_runs
SET lease_until = clock_timestamp()
FROM unnest(:account_ids::uuid[], :run_ids::uuid[]) AS named (account_id, id)
WHERE ai_runs.account_id = named.account_id
  AND ai_runs.id = named.id
  AND ai_runs.status = 'running'
  AND ai_runs.claimed_by = :delivery
RETURNING ai_runs.id;

-- name: mark_published(account_ids, run_ids)
-- Record that the terminal events of ended runs are published.
-- COALESCE keeps the planner from using the index of open runs, which would read all those of the account for each row.
UPDATE ai_runs
SET announced_at = clock_timestamp()
FROM unnest(:account_ids::uuid[], :run_ids::uuid[]) AS named (account_id, id)
WHERE ai_runs.account_id = named.account_id
  AND ai_runs.id = named.id
  AND ai_runs.finished_at IS NOT NULL
  AND COALESCE(ai_runs.announced_at, 'infinity') = 'infinity'
RETURNING ai_runs.id;
