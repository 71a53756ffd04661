-- no transaction
-- compatible from: 0036
-- The requests to models of an AI run, which are deleted with it. The foreign key looks for them, too.

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_calls_by_run ON ai_calls (account_id, run_id) WHERE run_id IS NOT NULL;
