-- The relay takes runs as they become due, of all accounts: sorting those that wait, each time, would cost the more the
-- more there are, when the broker or the workers were away.

DROP INDEX ai_jobs_waiting;
CREATE INDEX ai_jobs_waiting ON ai_jobs (available_at) WHERE published_at IS NULL;
