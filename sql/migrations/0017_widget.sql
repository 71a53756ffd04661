-- Pages of which origins may show an account's widget, and visitors whom it makes contacts of.

ALTER TABLE accounts ADD COLUMN widget_origins text[] NOT NULL DEFAULT '{}';

GRANT INSERT (account_id, id, email, name) ON contacts TO hummdesk_app;
