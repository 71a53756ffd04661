-- name: accounts()
-- All accounts with their chosen providers.
SELECT account_id, name, ai_provider
FROM accounts
ORDER BY name, account_id;

-- name: providers(account_ids)
-- The providers chosen by accounts.
SELECT account_id, ai_provider
FROM accounts
WHERE account_id = ANY(:account_ids)
  AND ai_provider IS NOT NULL;

-- name: choose_provider(account_id, provider)!
-- Set the provider of an account; NULL for the default.
UPDATE accounts
SET ai_provider = :provider
WHERE account_id = :account_id;

-- name: set_widget_origins(account_id, origins)^
-- Set the origins of the pages that may show the widget of an account.
UPDATE accounts
SET widget_origins = :origins
WHERE account_id = :account_id
RETURNING name;
