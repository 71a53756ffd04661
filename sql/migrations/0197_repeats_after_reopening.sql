-- compatible from: 0036
-- A message that is repeated after its conversation was reopened may be stored in one that continued it. An older version
-- stores it again.

ALTER TABLE conversations ADD COLUMN continued_before uuid[];

CREATE OR REPLACE FUNCTION end_continuation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.continued_before := array_remove(OLD.continued_before, OLD.continued_in) || OLD.continued_in;
    NEW.continued_in := NULL;
    RETURN NEW;
END
$$;

GRANT SELECT (continued_before) ON conversations TO hummdesk_writer;
