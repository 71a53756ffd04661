-- compatible from: 0036
-- AI runs that help one agent to write or read: kind `assist`. They are no events of the feed, and have no stored result.

ALTER TABLE ai_runs
    DROP CONSTRAINT ai_runs_kind_known,
    ADD CONSTRAINT ai_runs_kind_known CHECK (kind IN ('classification', 'draft', 'summary', 'assist')) NOT VALID;

-- Only the owner of the function lets another role make a trigger of it.
SET LOCAL ROLE hummdesk_feed;
GRANT EXECUTE ON FUNCTION feed_run() TO SESSION_USER;
RESET ROLE;

CREATE OR REPLACE TRIGGER ai_runs_feed
    AFTER UPDATE OF status ON ai_runs
    FOR EACH ROW WHEN (
        OLD.finished_at IS NULL
        AND NEW.finished_at IS NOT NULL
        AND (NEW.status = 'failed' OR NEW.outcome = 'done')
        AND NEW.kind <> 'assist'
    ) EXECUTE FUNCTION feed_run();

SET LOCAL ROLE hummdesk_feed;
REVOKE EXECUTE ON FUNCTION feed_run() FROM SESSION_USER;
RESET ROLE;
