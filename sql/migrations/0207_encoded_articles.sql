-- compatible from: 0036
-- The encodings of an article's passages, so that they are not computed again for each draft.

ALTER TABLE knowledge_articles ADD COLUMN encoded bytea;
GRANT UPDATE (encoded) ON knowledge_articles TO hummdesk_app;

-- An earlier version that runs beside this one indexes a changed article without encoding it.
CREATE FUNCTION forget_encodings() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.encoded := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER knowledge_articles_unencoded BEFORE UPDATE OF title, body, questions ON knowledge_articles
    FOR EACH ROW EXECUTE FUNCTION forget_encodings();
