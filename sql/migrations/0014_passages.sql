-- What articles and canned replies are found by: their texts as vectors.

CREATE EXTENSION IF NOT EXISTS vector;

-- The model whose vectors a source has; NULL while it has none of its present text.
ALTER TABLE knowledge_articles ADD COLUMN indexed_as text;
ALTER TABLE canned_replies ADD COLUMN indexed_as text;

CREATE FUNCTION outdate_passages() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.indexed_as := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER knowledge_articles_outdated BEFORE UPDATE OF title, body, questions ON knowledge_articles
    FOR EACH ROW EXECUTE FUNCTION outdate_passages();
CREATE TRIGGER canned_replies_outdated BEFORE UPDATE OF title, content ON canned_replies
    FOR EACH ROW EXECUTE FUNCTION outdate_passages();

CREATE TABLE knowledge_passages (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    article_id uuid,
    canned_reply_id uuid,
    model text NOT NULL,
    embedding vector NOT NULL,
    CONSTRAINT knowledge_passages_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT knowledge_passages_article_fkey FOREIGN KEY (account_id, article_id)
        REFERENCES knowledge_articles (account_id, id) ON DELETE CASCADE,
    CONSTRAINT knowledge_passages_canned_reply_fkey FOREIGN KEY (account_id, canned_reply_id)
        REFERENCES canned_replies (account_id, id) ON DELETE CASCADE,
    CONSTRAINT knowledge_passages_of_one CHECK (num_nonnulls(article_id, canned_reply_id) = 1)
);
CREATE INDEX knowledge_passages_by_article ON knowledge_passages (account_id, article_id);
CREATE INDEX knowledge_passages_by_canned_reply ON knowledge_passages (account_id, canned_reply_id);
ALTER TABLE knowledge_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON knowledge_passages TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON knowledge_passages TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE ON knowledge_passages TO hummdesk_app;
GRANT UPDATE (indexed_as) ON knowledge_articles, canned_replies TO hummdesk_app;
GRANT DELETE ON knowledge_articles TO hummdesk_operator;
