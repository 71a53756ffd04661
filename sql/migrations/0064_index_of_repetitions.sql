-- no transaction
-- compatible from: 0036
-- The index of the constraint that 0065 adds, and one of the runs that do not wait for the workers of classifications. Also
-- checks the constraints of 0063 for existing rows.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ai_runs_repetition_key ON ai_runs
    (account_id, message_id, kind, repetition);
CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_runs_waiting_others ON ai_runs (available_at)
    WHERE published_at IS NULL AND kind <> 'classification';
ALTER TABLE ai_runs VALIDATE CONSTRAINT ai_runs_kind_known;
ALTER TABLE ai_results VALIDATE CONSTRAINT ai_results_kind_known;
