-- What an account knows: articles that drafts are grounded in, and replies kept ready.

CREATE TABLE knowledge_articles (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    questions text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT knowledge_articles_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT knowledge_articles_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

CREATE TABLE canned_replies (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT canned_replies_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT canned_replies_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);
