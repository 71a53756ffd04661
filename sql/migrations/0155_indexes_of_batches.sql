-- no transaction
-- compatible from: 0036
-- For the relay, also simulations that have ended before their batch; and the requests of a batch.

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_simulations_waiting ON ai_simulations (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_simulated_drafts_requested
    ON ai_simulated_drafts (account_id, simulation_id, message_id)
    WHERE outcome IS NULL AND request IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS ai_simulations_due;
