-- name: stored(since, until)^
-- How many messages were stored between two moments, given as the least ids that could be made then.
SELECT count(*) AS messages
FROM messages
WHERE account_id = current_account()
  AND id >= :since
  AND id < :until;

-- name: runs(since, until, most)
-- What became of the newest AI runs of each kind between two moments, and how long they took; `most` are looked at.
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
    LIMIT :most
) AS newest
GROUP BY kind;

-- name: failures(since, until, most, shown)
-- The last AI runs between two moments that failed for good, of the newest `most`.
SELECT id, kind, last_error, finished_at
FROM (
    SELECT id, kind, status, last_error, finished_at
    FROM ai_runs
    WHERE account_id = current_account()
      AND id >= :since
      AND id < :until
    ORDER BY id DESC
    LIMIT :most
) AS newest
WHERE status = 'failed'
ORDER BY finished_at DESC
LIMIT :shown;

-- name: waiting(most)
-- How many AI runs of each kind have not ended; `most` are counted.
SELECT kind, count(*) AS runs
FROM (
    SELECT kind
    FROM ai_runs
    WHERE account_id = current_account()
      AND announced_at IS NULL
      AND status IN ('pending', 'published', 'running')
    LIMIT :most
) AS unfinished
GROUP BY kind;
