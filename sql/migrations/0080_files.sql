-- compatible from: 0036
-- Files that are attached to messages. Their bytes are objects in the file store, this is what is known about them.

CREATE TABLE files (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    uploader_id uuid NOT NULL,
    uploader_type text NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    chunks text[] NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'uploading',
    content_type text,
    width integer,
    height integer,
    link_key bytea NOT NULL,
    is_private boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attached_at timestamptz,
    expires_at timestamptz,
    scan_at timestamptz,
    scan_error text,
    scan_attempts integer NOT NULL DEFAULT 0,
    CONSTRAINT files_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT files_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT files_uploader_type_known CHECK (uploader_type IN ('agent', 'customer', 'system')),
    CONSTRAINT files_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT files_size_positive CHECK (size > 0),
    CONSTRAINT files_received_within_size CHECK (received BETWEEN 0 AND size),
    CONSTRAINT files_state_known CHECK (state IN ('uploading', 'scanning', 'ready', 'refused')),
    CONSTRAINT files_finished_whole CHECK (state = 'uploading' OR received = size AND content_type IS NOT NULL),
    CONSTRAINT files_attached_kept CHECK (attached_at IS NULL OR expires_at IS NULL)
);
CREATE INDEX files_by_conversation ON files (account_id, conversation_id);
CREATE INDEX files_open ON files (account_id, uploader_id) WHERE state = 'uploading';
CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX files_waiting_for_scan ON files (scan_at) WHERE state = 'scanning';
CREATE INDEX files_of_customers_unsent ON files (account_id) INCLUDE (size)
    WHERE uploader_type = 'customer' AND attached_at IS NULL;

CREATE TABLE file_usage (
    account_id uuid NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT file_usage_pkey PRIMARY KEY (account_id),
    CONSTRAINT file_usage_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

-- Without a foreign key: the objects of an account that was erased are deleted after its rows.
CREATE TABLE file_deletions (
    account_id uuid NOT NULL,
    file_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    deleted_at timestamptz,
    CONSTRAINT file_deletions_pkey PRIMARY KEY (account_id, file_id)
);
CREATE INDEX file_deletions_due ON file_deletions (due_at);
CREATE INDEX file_deletions_by_conversation ON file_deletions (account_id, conversation_id) WHERE deleted_at IS NULL;

CREATE FUNCTION delete_file_objects() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO file_deletions (account_id, file_id, conversation_id)
    VALUES (OLD.account_id, OLD.id, OLD.conversation_id);
    UPDATE file_usage SET bytes = bytes - OLD.size WHERE account_id = OLD.account_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER files_objects_deleted
    AFTER DELETE ON files
    FOR EACH ROW EXECUTE FUNCTION delete_file_objects();

-- An older version erases the conversations of a contact without their files.
CREATE FUNCTION delete_files_of_erased_conversation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM files WHERE account_id = NEW.account_id AND conversation_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER conversations_files_deleted
    AFTER UPDATE OF erased_at ON conversations
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION delete_files_of_erased_conversation();

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['files', 'file_usage', 'file_deletions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT ON %I TO hummdesk_operator', table_name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, DELETE,
    UPDATE (received, chunks, state, content_type, width, height, is_private, attached_at, expires_at, scan_at)
    ON files TO hummdesk_app;
GRANT SELECT, INSERT, UPDATE (bytes) ON file_usage TO hummdesk_app;
GRANT INSERT ON file_deletions TO hummdesk_app;

CREATE POLICY every_file ON files TO hummdesk_relay USING (true);
GRANT SELECT, UPDATE (state, scan_at, scan_error, scan_attempts, expires_at) ON files TO hummdesk_relay;

CREATE POLICY erased_by_eraser ON files FOR DELETE TO hummdesk_eraser USING (true);
CREATE POLICY changed_by_eraser ON file_usage FOR UPDATE TO hummdesk_eraser USING (true);
GRANT UPDATE (bytes) ON file_usage TO hummdesk_eraser;
CREATE POLICY requested_by_eraser ON file_deletions FOR INSERT TO hummdesk_eraser WITH CHECK (true);
CREATE POLICY changed_by_eraser ON file_deletions FOR UPDATE TO hummdesk_eraser USING (true);
CREATE POLICY done_by_eraser ON file_deletions FOR DELETE TO hummdesk_eraser USING (true);
GRANT INSERT, UPDATE (due_at, attempts, deleted_at) ON file_deletions TO hummdesk_eraser;
