-- compatible from: 0036
-- For whoever erases, and so ends AI runs that nobody has taken: with published_at they leave the index of runs that
-- wait for the relay.

GRANT UPDATE (published_at) ON ai_runs TO hummdesk_eraser;
