-- name: stored(since, until)^
-- Number of messages stored between two moments, given as the lowest ids of those moments.
SELECT count(*) AS messages
FROM messages
WHERE account_id = current_account()
  AND id >= :since
  AND id < :until;

-- name: runs(since, until, limit)
-- Number of done and failed AI runs and their duration by kind, of the newest `limit` between two moments.
SELECT
    kind,
    count(*) FILTER (WHERE status = 'done') AS done,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
        ORDER BY EXTRACT(epoch FROM finished_at - started_at)::float8
    ) FILTER (WHERE status = 'done') AS seconds
FROM (
    SELECT kind, status, started_at, finished_at
    FROM ai_runs
    WHERE account_id = current_account()
      AND id >= :since
      AND id < :until
    ORDER BY id DESC
    LIMIT :limit
) AS newest
GROUP BY kind;

-- name: failures(since, until, limit, shown)
-- The last failed AI runs among the newest `limit` between two moments.
SELECT id, kind, last_error, finished_at
FROM (
    SELECT id, kind, status, last_error, finished_at
    FROM ai_runs
    WHERE account_id = current_account()
      AND id >= :since
      AND id < :until
    ORDER BY id DESC
    LIMIT :limit
) AS newest
WHERE status = 'failed'
ORDER BY finished_at DESC
LIMIT :shown;

-- name: waiting(limit)
-- Number of AI runs that have not ended by kind, of at most `limit`.
SELECT kind, count(*) AS runs
FROM (
    SELECT kind
    FROM ai_runs
    WHERE account_id = current_account()
      AND announced_at IS NULL
      AND status IN ('pending', 'published', 'running')
    LIMIT :limit
) AS unfinished
GROUP BY kind;
