-- name: publishable(limit, lease_seconds, deadline_seconds, max_attempts)
-- Take runs that wait for the broker, or that nobody has claimed or ended within a lease; the first time starts the clock.
WITH due AS (
    SELECT account_id, id
    FROM ai_jobs
    WHERE announced_at IS NULL
      AND (
          status = 'pending' AND available_at <= clock_timestamp()
          OR status IN ('published', 'running') AND lease_until <= clock_timestamp()
      )
      AND attempts < :max_attempts
      AND (deadline_at IS NULL OR deadline_at > clock_timestamp())
    ORDER BY available_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_jobs
SET
    status = 'published',
    published_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
    deadline_at = COALESCE(deadline_at, clock_timestamp() + make_interval(secs => :deadline_seconds))
FROM due
WHERE ai_jobs.account_id = due.account_id
  AND ai_jobs.id = due.id
RETURNING ai_jobs.id, ai_jobs.account_id, ai_jobs.kind, ai_jobs.attempts;

-- name: claim(run_id, lease_seconds)^
-- Begin a try of a run, with what it needs to know; no row when it is being tried, has ended or is past its deadline.
WITH claimable AS (
    SELECT account_id, id
    FROM ai_jobs
    WHERE account_id = current_account()
      AND id = :run_id
      AND (
          status = 'pending' AND available_at <= clock_timestamp()
          OR status = 'published'
          OR status = 'running' AND lease_until <= clock_timestamp()
      )
      AND (deadline_at IS NULL OR deadline_at > clock_timestamp())
    FOR UPDATE SKIP LOCKED
), job AS (
    UPDATE ai_jobs
    SET
        status = 'running',
        attempts = attempts + 1,
        lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
        started_at = COALESCE(started_at, clock_timestamp())
    FROM claimable
    WHERE ai_jobs.account_id = claimable.account_id
      AND ai_jobs.id = claimable.id
    RETURNING
        ai_jobs.account_id,
        ai_jobs.id,
        ai_jobs.conversation_id,
        ai_jobs.message_id,
        ai_jobs.kind,
        ai_jobs.attempts,
        ai_jobs.started_at
)
SELECT
    job.account_id,
    job.id,
    job.kind,
    job.attempts,
    job.started_at,
    conversations.assigned_to,
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
JOIN messages
  ON messages.account_id = job.account_id
 AND messages.id = job.message_id
JOIN conversations
  ON conversations.account_id = job.account_id
 AND conversations.id = job.conversation_id;

-- name: finish(run_id, outcome)!
-- End a run that is being tried.
UPDATE ai_jobs
SET status = 'done', outcome = :outcome, finished_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :run_id
  AND status = 'running';

-- name: fail(run_id, error)!
-- Give up a run that is being tried.
UPDATE ai_jobs
SET status = 'failed', last_error = :error, finished_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :run_id
  AND status = 'running';

-- name: retry_later(run_id, delay_seconds, error)!
-- Hand a run that is being tried back to the relay, to be published after a delay.
UPDATE ai_jobs
SET
    status = 'pending',
    available_at = clock_timestamp() + make_interval(secs => :delay_seconds),
    lease_until = NULL,
    last_error = :error
WHERE account_id = current_account()
  AND id = :run_id
  AND status = 'running';

-- name: announced(run_id)!
-- Note that the terminal event of an ended run has been emitted.
UPDATE ai_jobs
SET announced_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :run_id
  AND finished_at IS NOT NULL
  AND announced_at IS NULL;

-- name: store_result(run_id, kind, payload)!
-- Keep what a run has found, once.
INSERT INTO ai_results (account_id, run_id, kind, payload)
VALUES (current_account(), :run_id, :kind, :payload)
ON CONFLICT (account_id, run_id) DO NOTHING;

-- name: add_draft(id, run_id)^
-- Ask for a draft on the message of a run, once, and wake the relay.
WITH job AS (
    INSERT INTO ai_jobs (account_id, id, conversation_id, message_id, seq, kind)
    SELECT account_id, :id, conversation_id, message_id, seq, 'draft'
    FROM ai_jobs
    WHERE account_id = current_account()
      AND id = :run_id
    ON CONFLICT (account_id, message_id, kind) DO NOTHING
    RETURNING id
)
SELECT id, pg_notify('hummdesk_jobs', '') AS notified
FROM job;

-- name: expired(limit, max_attempts)
-- Fail runs past their deadline, or out of attempts with the lease of the last one over.
WITH over AS (
    SELECT account_id, id, deadline_at <= clock_timestamp() AS late
    FROM ai_jobs
    WHERE announced_at IS NULL
      AND status IN ('pending', 'published', 'running')
      AND (deadline_at <= clock_timestamp() OR attempts >= :max_attempts AND lease_until <= clock_timestamp())
    ORDER BY deadline_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_jobs
SET
    status = 'failed',
    last_error = COALESCE(last_error, CASE WHEN over.late THEN 'The AI did not answer in time' ELSE 'The AI stopped while working on this' END),
    finished_at = clock_timestamp(),
    announced_at = clock_timestamp()
FROM over
WHERE ai_jobs.account_id = over.account_id
  AND ai_jobs.id = over.id
RETURNING
    ai_jobs.id,
    ai_jobs.account_id,
    ai_jobs.conversation_id,
    ai_jobs.message_id,
    ai_jobs.kind,
    ai_jobs.outcome,
    ai_jobs.last_error,
    ai_jobs.started_at,
    ai_jobs.finished_at;

-- name: unannounced(limit, older_than_seconds)
-- Take ended runs whose worker was lost before it has emitted, or noted, their terminal event.
WITH silent AS (
    SELECT account_id, id
    FROM ai_jobs
    WHERE announced_at IS NULL
      AND finished_at <= clock_timestamp() - make_interval(secs => :older_than_seconds)
    ORDER BY finished_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_jobs
SET announced_at = clock_timestamp()
FROM silent
WHERE ai_jobs.account_id = silent.account_id
  AND ai_jobs.id = silent.id
RETURNING
    ai_jobs.id,
    ai_jobs.account_id,
    ai_jobs.conversation_id,
    ai_jobs.message_id,
    ai_jobs.kind,
    ai_jobs.outcome,
    ai_jobs.last_error,
    ai_jobs.started_at,
    ai_jobs.finished_at;

-- name: depth()
-- How many runs are in each state before their end, and how old the oldest is.
SELECT
    kind,
    status,
    count(*) AS jobs,
    max(EXTRACT(epoch FROM clock_timestamp() - created_at))::float8 AS oldest_seconds
FROM ai_jobs
WHERE announced_at IS NULL
  AND status IN ('pending', 'published', 'running')
GROUP BY kind, status;
