-- compatible from: 0036
-- Photos of agents: small square images, shown to their colleagues and in the widget.

CREATE TABLE user_photos (
    account_id uuid NOT NULL,
    user_id uuid NOT NULL,
    version text NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT user_photos_pkey PRIMARY KEY (account_id, user_id),
    CONSTRAINT user_photos_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE,
    CONSTRAINT user_photos_small CHECK (octet_length(content) BETWEEN 1 AND 65536)
);

ALTER TABLE user_photos ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_photos FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON user_photos TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON user_photos TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (version, content) ON user_photos TO hummdesk_app;
GRANT SELECT ON user_photos TO hummdesk_operator;
