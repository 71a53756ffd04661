-- no transaction
-- compatible from: 0036
-- For the relay: batches whose simulation has ended and that are not due. And requests of a batch, also those whose draft
-- was stored by a process of a version without batches.

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_simulations_unattended ON ai_simulations (batch_at)
    WHERE due_at IS NULL AND batch_id IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_simulated_drafts_with_request
    ON ai_simulated_drafts (account_id, simulation_id, message_id)
    WHERE request IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS ai_simulated_drafts_requested;
