-- The size of a message in an answer, so that a page ends before it exceeds MAX_ANSWER_BYTES without reading contents.
-- The column has no default and earlier rows stay as they are: the lock is held for milliseconds.

CREATE FUNCTION message_bytes(
    sender_name text,
    content text,
    attachments jsonb,
    metadata jsonb,
    client_message_id text
) RETURNS integer
    LANGUAGE sql STABLE
    RETURN octet_length(json_build_array(sender_name, content, attachments, metadata, client_message_id)::text);

ALTER TABLE messages ADD COLUMN bytes integer;
