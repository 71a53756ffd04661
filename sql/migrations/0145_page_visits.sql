-- compatible from: 0036
-- Pages that customers have opened, as their widgets report them, in accounts that record pages.

CREATE TABLE page_visits (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    url text NOT NULL,
    title text NOT NULL,
    visited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT page_visits_pkey PRIMARY KEY (account_id, contact_id, id),
    CONSTRAINT page_visits_contact_fkey FOREIGN KEY (account_id, contact_id)
        REFERENCES contacts (account_id, id) ON DELETE CASCADE,
    CONSTRAINT page_visits_url_length CHECK (length(url) <= 1000),
    CONSTRAINT page_visits_url_of_a_page CHECK (url ~ '^https?://[^/?#]+/[^?#]*$'),
    CONSTRAINT page_visits_title_length CHECK (length(title) <= 200)
);
CREATE INDEX page_visits_by_time ON page_visits (account_id, visited_at);

ALTER TABLE page_visits ENABLE ROW LEVEL SECURITY;
ALTER TABLE page_visits FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON page_visits TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON page_visits TO hummdesk_operator USING (true);
CREATE POLICY erased_by_eraser ON page_visits FOR DELETE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (contact_id, title, visited_at) ON page_visits TO hummdesk_app;
GRANT SELECT ON page_visits TO hummdesk_operator;
