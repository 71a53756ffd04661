-- no transaction
-- compatible from: 0036
-- The index of the constraint that 0065 adds. Also checks the constraints of 0063 for existing rows.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ai_runs_repetition_key ON ai_runs
    (account_id, message_id, kind, repetition);
ALTER TABLE ai_runs VALIDATE CONSTRAINT ai_runs_kind_known;
ALTER TABLE ai_results VALIDATE CONSTRAINT ai_results_kind_known;
