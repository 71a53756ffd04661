-- compatible from: 0036
-- Simulations with an external model use the provider's batch interface: what is sent, and the batch in progress. A
-- simulation that was cancelled is due until its batch has ended, so that its cost is known.

ALTER TABLE ai_simulations
    ADD COLUMN batch_id text,
    ADD COLUMN batch_provider text,
    ADD COLUMN batch_at timestamptz,
    ADD COLUMN batch_day date,
    DROP CONSTRAINT ai_simulations_finished,
    ADD CONSTRAINT ai_simulations_finished CHECK (
        (status IN ('done', 'cancelled', 'failed')) = (finished_at IS NOT NULL)
        AND (finished_at IS NOT NULL OR due_at IS NOT NULL)
        AND (status = 'failed') = (error IS NOT NULL)
    ),
    ADD CONSTRAINT ai_simulations_batched CHECK (num_nulls(batch_id, batch_provider, batch_at) IN (0, 3));

ALTER TABLE ai_simulated_drafts ADD COLUMN request jsonb;

GRANT UPDATE (request) ON ai_simulated_drafts TO hummdesk_operator;
