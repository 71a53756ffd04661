-- no transaction
-- compatible from: 0036
-- Checks the constraint of 0137 for existing rows, without blocking readers and writers.

ALTER TABLE ai_runs VALIDATE CONSTRAINT ai_runs_kind_known;
