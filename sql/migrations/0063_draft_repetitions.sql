-- compatible from: 0036
-- A message can have several runs of a kind, one after the other: `repetition` counts those before. And there are summaries.
-- Workers of earlier versions need the constraint that 0065 replaces: see docs/upgrades.md.

ALTER TABLE ai_runs
    ADD COLUMN repetition integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT ai_runs_kind_known,
    ADD CONSTRAINT ai_runs_kind_known CHECK (kind IN ('classification', 'draft', 'summary')) NOT VALID;
ALTER TABLE ai_results
    DROP CONSTRAINT ai_results_kind_known,
    ADD CONSTRAINT ai_results_kind_known CHECK (kind IN ('classification', 'draft', 'summary')) NOT VALID;
