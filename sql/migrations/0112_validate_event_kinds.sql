-- no transaction
-- compatible from: 0036
-- Checks the constraint of 0111 for existing rows, without blocking readers and writers.

ALTER TABLE conversation_events VALIDATE CONSTRAINT conversation_events_kind_known;
