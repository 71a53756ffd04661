-- compatible from: 0036
-- Saved views: filters of the inbox with a name, of an agent or shared with all staff.

CREATE TABLE saved_views (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid,
    name text NOT NULL,
    filter jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT saved_views_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT saved_views_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT saved_views_owner_fkey FOREIGN KEY (account_id, owner_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE,
    CONSTRAINT saved_views_name_length CHECK (length(name) BETWEEN 1 AND 50),
    CONSTRAINT saved_views_filter_object CHECK (jsonb_typeof(filter) = 'object')
);
CREATE INDEX saved_views_by_owner ON saved_views (account_id, owner_id, id);

ALTER TABLE saved_views ENABLE ROW LEVEL SECURITY;
ALTER TABLE saved_views FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON saved_views TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON saved_views TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (name, filter) ON saved_views TO hummdesk_app;
GRANT SELECT ON saved_views TO hummdesk_operator;

-- What a conversation is about: of its `recent` last messages, the newest classification or correction that says so, one
-- of `general` last; NULL without one.
CREATE FUNCTION conversation_category(conversation uuid, recent integer) RETURNS text
    LANGUAGE sql STABLE COST 10000
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT classified.category
    FROM (
        SELECT
            newest.seq,
            COALESCE(
                public.ai_corrections.category,
                CASE
                    WHEN public.ai_results.payload -> 'classification' -> 'unknown' IS DISTINCT FROM 'true'
                    THEN public.ai_results.payload -> 'classification' ->> 'category'
                END
            ) AS category
        FROM (
            SELECT id, seq
            FROM public.messages
            WHERE account_id = public.current_account()
              AND conversation_id = conversation
            ORDER BY seq DESC
            LIMIT recent
        ) AS newest
        JOIN public.ai_runs
          ON public.ai_runs.account_id = public.current_account()
         AND public.ai_runs.message_id = newest.id
         AND public.ai_runs.kind = 'classification'
         AND public.ai_runs.outcome = 'done'
        JOIN public.ai_results
          ON public.ai_results.account_id = public.current_account()
         AND public.ai_results.run_id = public.ai_runs.id
        LEFT JOIN public.ai_corrections
          ON public.ai_corrections.account_id = public.current_account()
         AND public.ai_corrections.message_id = newest.id
    ) AS classified
    WHERE classified.category IS NOT NULL
    ORDER BY classified.category = 'general', classified.seq DESC
    LIMIT 1
$$;
