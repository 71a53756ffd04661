-- compatible from: 0036
-- By default a table is vacuumed when a fifth of its rows are dead, and when a fifth was added: after years these are
-- millions of rows at a time, which every query of a list or of a queue reads past meanwhile. Takes no lock that a
-- process waits for.

-- Each message changes its conversation, and with it three indexes of the lists; a run changes four times; a page that is
-- vacuumed often has space for the next change.
ALTER TABLE conversations SET (
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE ai_runs SET (
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE message_reads SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);

-- Rows are added at one end and deleted at the other: a search for the oldest ones reads past all dead ones.
ALTER TABLE feed_events SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE webhook_deliveries SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE queue_moves SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- Rows are only added: small steps freeze them, merge the waiting words of the search into its index, and bring the
-- statistics up to date, where one step would take minutes.
ALTER TABLE messages SET (
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE ai_results SET (autovacuum_vacuum_insert_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE conversation_events SET (
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.02
);
