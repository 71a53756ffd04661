-- compatible from: 0036
-- The agents whom a note names, who are notified. The column is nullable: no table is rewritten or scanned.

ALTER TABLE messages ADD COLUMN mentions uuid[];
