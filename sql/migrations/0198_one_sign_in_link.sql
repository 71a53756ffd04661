-- compatible from: 0036
-- A new link replaces those of its user, also one that the operator makes.

GRANT UPDATE (used_at) ON sign_in_links TO hummdesk_operator;
