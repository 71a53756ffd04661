-- no transaction
-- compatible from: 0036
-- may be pending
-- For the relay: AI runs that are with the broker or a worker, and those that were before and wait to be retried. It
-- looks for lost and late ones every second, and read all that waited for their first attempt.

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_runs_taken ON ai_runs (published_at)
    WHERE published_at IS NOT NULL AND announced_at IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_runs_retried ON ai_runs (deadline_at)
    WHERE published_at IS NULL AND deadline_at IS NOT NULL AND announced_at IS NULL;
