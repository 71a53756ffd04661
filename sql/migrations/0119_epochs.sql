-- compatible from: 0036
-- The epoch of the data. Processes notice by it that PostgreSQL may have lost committed transactions: a standby was
-- promoted, or a backup restored. Creating the table and the functions blocks nothing.

CREATE TABLE epochs (
    is_only boolean NOT NULL DEFAULT true,
    number bigint NOT NULL,
    history text NOT NULL,
    CONSTRAINT epochs_pkey PRIMARY KEY (is_only),
    CONSTRAINT epochs_only CHECK (is_only)
);
INSERT INTO epochs (number, history) VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::bigint, '');

CREATE FUNCTION current_history() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system())
        || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN OTHERS THEN
    RETURN '';
END
$$;

CREATE FUNCTION current_epoch() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    now_in constant text := public.current_history();
    known public.epochs;
BEGIN
    SELECT * INTO known FROM public.epochs;
    IF known.history <> now_in THEN
        UPDATE public.epochs
        SET number = greatest(number + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint), history = now_in
        WHERE history <> now_in;
        SELECT * INTO known FROM public.epochs;
    END IF;
    RETURN known.number;
END
$$;

SELECT current_epoch();
