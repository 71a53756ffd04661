-- compatible from: 0036
-- When the text of an article was last changed: of articles that contradict each other, the newest counts.

ALTER TABLE knowledge_articles ADD COLUMN changed_at timestamptz;

CREATE FUNCTION date_article() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER knowledge_articles_dated BEFORE UPDATE OF title, body ON knowledge_articles
    FOR EACH ROW WHEN ((OLD.title, OLD.body) IS DISTINCT FROM (NEW.title, NEW.body)) EXECUTE FUNCTION date_article();
