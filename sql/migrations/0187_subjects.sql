-- compatible from: 0036
-- The subjects of conversations, for the search. Each message changes indexed columns of its conversation, so that
-- PostgreSQL adds it to all indexes again: those of subjects took most of the time. They become indexes of this table, which
-- triggers keep equal. 0188 copies the subjects that exist.

CREATE TABLE conversation_subjects (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    subject text NOT NULL,
    CONSTRAINT conversation_subjects_pkey PRIMARY KEY (account_id, conversation_id),
    CONSTRAINT conversation_subjects_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id) ON DELETE CASCADE
);

ALTER TABLE conversation_subjects ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_subjects FORCE ROW LEVEL SECURITY;
CREATE POLICY every_account ON conversation_subjects TO hummdesk_search USING (true);
GRANT SELECT, INSERT, UPDATE (subject), DELETE ON conversation_subjects TO hummdesk_search;

CREATE FUNCTION copy_subject() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.subject IS NULL THEN
        DELETE FROM public.conversation_subjects
        WHERE account_id = NEW.account_id
          AND conversation_id = NEW.id;
    ELSE
        INSERT INTO public.conversation_subjects (account_id, conversation_id, subject)
        VALUES (NEW.account_id, NEW.id, NEW.subject)
        ON CONFLICT (account_id, conversation_id) DO UPDATE
        SET subject = EXCLUDED.subject;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION copy_subject() FROM PUBLIC;

CREATE TRIGGER conversations_new_subject
    AFTER INSERT ON conversations
    FOR EACH ROW WHEN (NEW.subject IS NOT NULL)
    EXECUTE FUNCTION copy_subject();
CREATE TRIGGER conversations_changed_subject
    AFTER UPDATE OF subject ON conversations
    FOR EACH ROW WHEN (OLD.subject IS DISTINCT FROM NEW.subject)
    EXECUTE FUNCTION copy_subject();

-- Until all subjects are copied. The lock keeps one from being changed or erased while it is copied.
CREATE POLICY copied ON conversations FOR UPDATE TO hummdesk_search USING (true);
GRANT UPDATE (subject) ON conversations TO hummdesk_search;

-- Copies the subjects in short transactions, run as hummdesk_search. One that waits longer than `lock_timeout` for a
-- conversation, or would end in a deadlock, is rolled back and repeated after a second, up to a minute.
CREATE PROCEDURE copy_subjects()
    LANGUAGE plpgsql
AS $$
DECLARE
    of_account uuid := '00000000-0000-0000-0000-000000000000';
    last_id uuid := of_account;
    failures integer := 0;
    is_done boolean := false;
BEGIN
    WHILE NOT is_done LOOP
        BEGIN
            WITH found AS MATERIALIZED (
                SELECT account_id, id, subject
                FROM public.conversations
                WHERE (account_id, id) > (of_account, last_id)
                  AND subject IS NOT NULL
                ORDER BY account_id, id
                LIMIT 50
                FOR SHARE
            ), copied AS (
                INSERT INTO public.conversation_subjects (account_id, conversation_id, subject)
                SELECT account_id, id, subject
                FROM found
                ON CONFLICT (account_id, conversation_id) DO NOTHING
            )
            SELECT account_id, id
            INTO of_account, last_id
            FROM found
            ORDER BY account_id DESC, id DESC
            LIMIT 1;
            is_done := NOT FOUND;
            failures := 0;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            failures := failures + 1;
            IF failures = 60 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(1);
        END;
        COMMIT;
    END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE copy_subjects() FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE copy_subjects() TO hummdesk_search;

GRANT CREATE ON SCHEMA public TO hummdesk_search;
ALTER FUNCTION copy_subject() OWNER TO hummdesk_search;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
