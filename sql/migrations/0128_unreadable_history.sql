-- compatible from: 0036
-- A history that cannot be read for a moment begins no epoch: connections that are open would stay in the one before, and
-- Redis would drop what they publish. Replacing the function blocks nothing.

CREATE OR REPLACE FUNCTION current_epoch() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    now_in constant text := public.current_history();
    known public.epochs;
BEGIN
    SELECT * INTO known FROM public.epochs;
    IF now_in <> '' AND known.history <> now_in THEN
        UPDATE public.epochs
        SET
            number = greatest(number + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
            history = now_in,
            is_first = is_first AND history = ''
        WHERE history <> now_in;
        SELECT * INTO known FROM public.epochs;
    END IF;
    RETURN known.number;
END
$$;
