-- name: take_due(kinds, limit, lease_seconds, deadline_seconds)
-- Mark runs that are due as published. The deadline counts from the first time. Runs of kinds that this version does not
-- know wait for a relay that does, here and below.
WITH due AS (
    SELECT account_id, id
    FROM ai_runs
    WHERE published_at IS NULL
      AND kind = ANY(:kinds)
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
RETURNING
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.attempts;

-- name: take_other_due(kinds, limit, lease_seconds, deadline_seconds)
-- As `take_due`, without classifications: however many of those wait, they are not read.
WITH due AS (
    SELECT account_id, id
    FROM ai_runs
    WHERE published_at IS NULL
      AND kind <> 'classification'
      AND kind = ANY(:kinds)
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
RETURNING
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.attempts;

-- name: take_lost(kinds, limit, lease_seconds, max_attempts)
-- Mark runs whose lease has expired as published again. Those that wait for their first attempt are not read: the order
-- makes the planner choose the index of the others, also while both are small.
WITH expired AS (
    SELECT account_id, id
    FROM ai_runs
    WHERE published_at IS NOT NULL
      AND announced_at IS NULL
      AND kind = ANY(:kinds)
      AND status IN ('published', 'running')
      AND lease_until <= clock_timestamp()
      AND attempts < :max_attempts
      AND deadline_at > clock_timestamp()
    ORDER BY published_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_runs
SET
    status = 'published',
    published_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM expired
WHERE ai_runs.account_id = expired.account_id
  AND ai_runs.id = expired.id
RETURNING
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.attempts;

-- name: seconds_until_due(kinds)^
-- Seconds until the next run that waits for the broker is due; NULL if none waits.
SELECT EXTRACT(epoch FROM min(available_at) - clock_timestamp())::float8 AS seconds
FROM ai_runs
WHERE published_at IS NULL
  AND kind = ANY(:kinds)
  AND status = 'pending'
  AND (deadline_at IS NULL OR deadline_at > clock_timestamp());

-- name: fail_expired(kinds, limit, max_attempts)
-- Fail runs that are past their deadline, or whose last allowed attempt has an expired lease: of those that were taken,
-- and of those that wait to be retried. Those that wait for their first attempt have no deadline and are not read.
WITH taken AS (
    SELECT account_id, id, deadline_at <= clock_timestamp() AS late
    FROM ai_runs
    WHERE published_at IS NOT NULL
      AND announced_at IS NULL
      AND kind = ANY(:kinds)
      AND status IN ('pending', 'published', 'running')
      AND (deadline_at <= clock_timestamp() OR attempts >= :max_attempts AND lease_until <= clock_timestamp())
    ORDER BY published_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
), retried AS (
    SELECT account_id, id, true AS late
    FROM ai_runs
    WHERE published_at IS NULL
      AND announced_at IS NULL
      AND kind = ANY(:kinds)
      AND status = 'pending'
      AND deadline_at <= clock_timestamp()
    ORDER BY deadline_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
), expired AS (
    SELECT * FROM taken
    UNION ALL
    SELECT * FROM retried
)
UPDATE ai_runs
SET
    status = 'failed',
    published_at = COALESCE(published_at, clock_timestamp()),
    last_error = COALESCE(
        last_error,
        CASE WHEN expired.late THEN 'The AI did not answer in time' ELSE 'The AI stopped while working on this' END
    ),
    finished_at = clock_timestamp()
FROM expired
WHERE ai_runs.account_id = expired.account_id
  AND ai_runs.id = expired.id
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

-- name: unpublished(kinds, limit, older_than_seconds)
-- The ended runs that longest lack a record of the publication of their terminal event.
--   taken             those with published_at, which every run has that has ended
--   retried, waiting  those that a process of an earlier version has ended while they waited for the relay
WITH taken AS (
    SELECT
        id,
        account_id,
        conversation_id,
        message_id,
        kind,
        outcome,
        last_error,
        started_at,
        finished_at
    FROM ai_runs
    WHERE published_at IS NOT NULL
      AND announced_at IS NULL
      AND kind = ANY(:kinds)
      AND finished_at <= clock_timestamp() - make_interval(secs => :older_than_seconds)
), retried AS (
    SELECT
        id,
        account_id,
        conversation_id,
        message_id,
        kind,
        outcome,
        last_error,
        started_at,
        finished_at
    FROM ai_runs
    WHERE published_at IS NULL
      AND announced_at IS NULL
      AND deadline_at IS NOT NULL
      AND kind = ANY(:kinds)
      AND finished_at <= clock_timestamp() - make_interval(secs => :older_than_seconds)
), waiting AS (
    SELECT
        id,
        account_id,
        conversation_id,
        message_id,
        kind,
        outcome,
        last_error,
        started_at,
        finished_at
    FROM ai_runs
    WHERE published_at IS NULL
      AND kind <> 'classification'
      AND announced_at IS NULL
      AND deadline_at IS NULL
      AND kind = ANY(:kinds)
      AND finished_at <= clock_timestamp() - make_interval(secs => :older_than_seconds)
)
SELECT * FROM taken
UNION ALL
SELECT * FROM retried
UNION ALL
SELECT * FROM waiting
ORDER BY finished_at
LIMIT :limit;

-- name: open_runs()
-- Number of runs that have not ended and age of the oldest, by kind and status.
SELECT
    kind,
    status,
    count(*) AS count,
    max(EXTRACT(epoch FROM clock_timestamp() - created_at))::float8 AS oldest_seconds
FROM ai_runs
WHERE announced_at IS NULL
  AND status IN ('pending', 'published', 'running')
GROUP BY kind, status;
