-- compatible from: 0036
-- may be pending
-- As 0171.

ALTER TABLE ai_runs
    DROP CONSTRAINT ai_runs_kind_known,
    ADD CONSTRAINT ai_runs_kind_known CHECK (kind = ANY ('{classification,draft,summary,assist}')) NOT VALID,
    DROP CONSTRAINT ai_runs_status_known,
    ADD CONSTRAINT ai_runs_status_known CHECK (status = ANY ('{pending,published,running,done,failed}')) NOT VALID,
    DROP CONSTRAINT ai_runs_outcome_known,
    ADD CONSTRAINT ai_runs_outcome_known CHECK (outcome = ANY ('{done,abstained,superseded}')) NOT VALID,
    DROP CONSTRAINT ai_runs_leased,
    ADD CONSTRAINT ai_runs_leased CHECK (status <> ALL ('{published,running}') OR lease_until IS NOT NULL) NOT VALID,
    DROP CONSTRAINT ai_runs_finished,
    ADD CONSTRAINT ai_runs_finished CHECK ((status = ANY ('{done,failed}')) = (finished_at IS NOT NULL)) NOT VALID;
