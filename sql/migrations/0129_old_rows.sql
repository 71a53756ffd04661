-- compatible from: 0036
-- The eraser deletes what is too old: AI runs that have ended with what belongs to them, learned answers, daily use of
-- models, entries of the audit log, and requests with an Idempotency-Key. The views and requests of an old run may be new.

CREATE POLICY old_deleted_by_eraser ON ai_runs FOR DELETE TO hummdesk_eraser
    USING (announced_at < clock_timestamp() - interval '1 day');
CREATE POLICY erased_by_eraser ON draft_views FOR DELETE TO hummdesk_eraser USING (true);
CREATE POLICY erased_by_eraser ON ai_calls FOR DELETE TO hummdesk_eraser USING (true);
CREATE POLICY old_deleted_by_eraser ON past_answers FOR DELETE TO hummdesk_eraser
    USING (learned_at < clock_timestamp() - interval '1 day');
GRANT UPDATE (draft_run_id, draft_use) ON past_answers TO hummdesk_eraser;
CREATE POLICY old_deleted_by_eraser ON ai_usage FOR DELETE TO hummdesk_eraser
    USING (day < (clock_timestamp() - interval '1 day')::date);
CREATE POLICY old_deleted_by_eraser ON audit_log FOR DELETE TO hummdesk_eraser
    USING (created_at < clock_timestamp() - interval '1 day');
CREATE POLICY old_deleted_by_eraser ON idempotency_keys FOR DELETE TO hummdesk_eraser
    USING (created_at < clock_timestamp() - interval '1 hour');
