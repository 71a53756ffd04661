-- compatible from: 0036
-- The relay finds batches whose simulation was ended by a process of a version without batches, which does not set when
-- its next step is due.

GRANT SELECT (batch_id, batch_at) ON ai_simulations TO hummdesk_relay;
