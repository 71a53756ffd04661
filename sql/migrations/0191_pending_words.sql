-- compatible from: 0036
-- The words of new messages are pending in a list of 4 MB, which the statement that fills it merges into the index, in some
-- 0.4 s, while all messages behind it wait. Web processes merge it before, on another connection. Only the owner of an index
-- may.

CREATE FUNCTION merge_pending_words() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT gin_clean_pending_list('public.messages_words'::regclass)
$$;
REVOKE ALL ON FUNCTION merge_pending_words() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION merge_pending_words() TO hummdesk_app;
