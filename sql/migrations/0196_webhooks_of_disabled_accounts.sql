-- compatible from: 0036
-- The relay delivers no webhooks of disabled accounts, and sees of all accounts only which these are.

GRANT SELECT (account_id, disabled_at) ON accounts TO hummdesk_relay;
CREATE POLICY every_account_delivered ON accounts FOR SELECT TO hummdesk_relay USING (true);
