-- compatible from: 0036
-- The eraser also ends AI runs that the relay has not taken: with published_at they leave the index of runs that wait for
-- the relay.

GRANT UPDATE (published_at) ON ai_runs TO hummdesk_eraser;
