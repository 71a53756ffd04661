-- no transaction
-- compatible from: 0036
-- The draft runs of an account by time, for the report about drafts.

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_runs_drafts ON ai_runs (account_id, created_at) WHERE kind = 'draft';
