-- no transaction
-- compatible from: 0036
-- Checks the constraint of 0113 for existing rows, without blocking readers and writers.

ALTER TABLE conversations VALIDATE CONSTRAINT conversations_continued_closed;
