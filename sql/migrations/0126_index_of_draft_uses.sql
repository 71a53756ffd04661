-- no transaction
-- compatible from: 0036
-- How drafts were used, by draft run, for the report about drafts.

CREATE INDEX CONCURRENTLY IF NOT EXISTS past_answers_of_drafts ON past_answers (account_id, draft_run_id)
    WHERE draft_run_id IS NOT NULL;
