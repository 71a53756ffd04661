-- name: accounts()
-- All accounts, each with the provider that it has chosen.
SELECT account_id, name, ai_provider
FROM accounts
ORDER BY name, account_id;

-- name: providers(account_ids)
-- The providers that accounts have chosen.
SELECT account_id, ai_provider
FROM accounts
WHERE account_id = ANY(:account_ids)
  AND ai_provider IS NOT NULL;

-- name: choose_provider(account_id, provider)!
-- Have a provider answer for an account; without one the desk's default does.
UPDATE accounts
SET ai_provider = :provider
WHERE account_id = :account_id;

-- name: set_widget_origins(account_id, origins)^
-- Say which pages may show an account's widget.
UPDATE accounts
SET widget_origins = :origins
WHERE account_id = :account_id
RETURNING name;
