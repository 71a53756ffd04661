-- name: publishable(limit, lease_seconds, deadline_seconds)
-- Take runs that are due and wait for the broker; the first time starts the clock of their deadline.
WITH due AS (
    SELECT account_id, id
    FROM ai_runs
    WHERE published_at IS NULL
      AND status = 'pending'
      AND available_at <= clock_timestamp()
      AND (deadline_at IS NULL OR deadline_at > clock_timestamp())
    ORDER BY available_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_runs
SET
    status = 'published',
    published_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
    deadline_at = COALESCE(deadline_at, clock_timestamp() + make_interval(secs => :deadline_seconds))
FROM due
WHERE ai_runs.account_id = due.account_id
  AND ai_runs.id = due.id
RETURNING ai_runs.id, ai_runs.account_id, ai_runs.kind, ai_runs.attempts;

-- name: republishable(limit, lease_seconds, max_attempts)
-- Take runs that nobody has claimed or ended within a lease.
WITH over AS (
    SELECT account_id, id
    FROM ai_runs
    WHERE announced_at IS NULL
      AND status IN ('published', 'running')
      AND lease_until <= clock_timestamp()
      AND attempts < :max_attempts
      AND deadline_at > clock_timestamp()
    ORDER BY lease_until
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_runs
SET
    status = 'published',
    published_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM over
WHERE ai_runs.account_id = over.account_id
  AND ai_runs.id = over.id
RETURNING ai_runs.id, ai_runs.account_id, ai_runs.kind, ai_runs.attempts;

-- name: next_due()^
-- In how many seconds the next run is due that waits for the broker; NULL when none does.
SELECT EXTRACT(epoch FROM min(available_at) - clock_timestamp())::float8 AS seconds
FROM ai_runs
WHERE published_at IS NULL
  AND status = 'pending'
  AND (deadline_at IS NULL OR deadline_at > clock_timestamp());

-- name: expired(limit, max_attempts)
-- Fail runs past their deadline, or out of attempts with the lease of the last one over.
WITH over AS (
    SELECT account_id, id, deadline_at <= clock_timestamp() AS late
    FROM ai_runs
    WHERE announced_at IS NULL
      AND status IN ('pending', 'published', 'running')
      AND (deadline_at <= clock_timestamp() OR attempts >= :max_attempts AND lease_until <= clock_timestamp())
    ORDER BY deadline_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_runs
SET
    status = 'failed',
    last_error = COALESCE(last_error, CASE WHEN over.late THEN 'The AI did not answer in time' ELSE 'The AI stopped while working on this' END),
    finished_at = clock_timestamp(),
    announced_at = clock_timestamp()
FROM over
WHERE ai_runs.account_id = over.account_id
  AND ai_runs.id = over.id
RETURNING
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.outcome,
    ai_runs.last_error,
    ai_runs.started_at,
    ai_runs.finished_at;

-- name: unannounced(limit, older_than_seconds)
-- Take ended runs whose worker was lost before it has emitted, or noted, their terminal event.
WITH silent AS (
    SELECT account_id, id
    FROM ai_runs
    WHERE announced_at IS NULL
      AND finished_at <= clock_timestamp() - make_interval(secs => :older_than_seconds)
    ORDER BY finished_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_runs
SET announced_at = clock_timestamp()
FROM silent
WHERE ai_runs.account_id = silent.account_id
  AND ai_runs.id = silent.id
RETURNING
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.outcome,
    ai_runs.last_error,
    ai_runs.started_at,
    ai_runs.finished_at;

-- name: depth()
-- How many runs are in each state before their end, and how old the oldest is.
SELECT
    kind,
    status,
    count(*) AS jobs,
    max(EXTRACT(epoch FROM clock_timestamp() - created_at))::float8 AS oldest_seconds
FROM ai_runs
WHERE announced_at IS NULL
  AND status IN ('pending', 'published', 'running')
GROUP BY kind, status;
