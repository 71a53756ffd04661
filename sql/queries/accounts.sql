-- name: accounts()
-- All accounts.
SELECT
    account_id,
    name,
    ai_provider,
    ai_daily_tokens,
    ai_daily_dollars,
    ai_min_confidence,
    ai_company,
    ai_voice,
    ai_policies,
    widget_origins,
    widget_look,
    retention_days,
    read_on_view,
    created_at,
    disabled_at
FROM accounts
ORDER BY name, account_id;

-- name: get()^
-- The account of the transaction.
SELECT
    account_id,
    name,
    ai_provider,
    ai_daily_tokens,
    ai_daily_dollars,
    ai_min_confidence,
    ai_company,
    ai_voice,
    ai_policies,
    widget_origins,
    widget_look,
    retention_days,
    read_on_view,
    created_at,
    disabled_at
FROM accounts
WHERE account_id = current_account();

-- name: lock()^
-- Lock the account of the transaction until it ends.
SELECT account_id
FROM accounts
WHERE account_id = current_account()
FOR NO KEY UPDATE;

-- name: lock_name(name)^
-- Let no other transaction create an account of this name until this one ends.
SELECT pg_advisory_xact_lock(hashtextextended('account ' || :name, 0));

-- name: id_of(name)^
-- The oldest account of a name.
SELECT account_id
FROM accounts
WHERE name = :name
ORDER BY created_at, account_id
LIMIT 1;

-- name: add(name)!
-- Add the account of the transaction.
INSERT INTO accounts (account_id, name)
VALUES (current_account(), :name);

-- name: change(name, ai_provider, ai_daily_tokens, ai_daily_dollars, ai_min_confidence, ai_company, ai_voice, ai_policies, widget_origins, widget_look, retention_days, read_on_view)!
-- Change the settings of the account of the transaction.
UPDATE accounts
SET
    name = :name,
    ai_provider = :ai_provider,
    ai_daily_tokens = :ai_daily_tokens,
    ai_daily_dollars = :ai_daily_dollars,
    ai_min_confidence = :ai_min_confidence,
    ai_company = :ai_company,
    ai_voice = :ai_voice,
    ai_policies = :ai_policies,
    widget_origins = :widget_origins,
    widget_look = :widget_look::jsonb,
    retention_days = :retention_days,
    read_on_view = :read_on_view
WHERE account_id = current_account();

-- name: disable()!
-- Disable the account of the transaction.
UPDATE accounts
SET disabled_at = clock_timestamp()
WHERE account_id = current_account()
  AND disabled_at IS NULL;

-- name: enable()!
-- Enable the account of the transaction.
UPDATE accounts
SET disabled_at = NULL
WHERE account_id = current_account()
  AND disabled_at IS NOT NULL;

-- name: providers(account_ids)
-- The providers chosen by accounts.
SELECT account_id, ai_provider
FROM accounts
WHERE account_id = ANY(:account_ids)
  AND ai_provider IS NOT NULL;
