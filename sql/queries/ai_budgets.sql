-- name: reserve(tokens, dollars, most_tokens, most_dollars)^
-- Add the estimate of a request to today's usage (UTC) of the account, unless a limit is reached; 0: unlimited.
INSERT INTO ai_usage AS today (account_id, day, tokens, dollars)
VALUES (current_account(), (clock_timestamp() AT TIME ZONE 'UTC')::date, :tokens, :dollars)
ON CONFLICT (account_id, day) DO UPDATE
SET
    tokens = today.tokens + EXCLUDED.tokens,
    dollars = today.dollars + EXCLUDED.dollars
WHERE (:most_tokens::bigint = 0 OR today.tokens < :most_tokens)
  AND (:most_dollars::numeric = 0 OR today.dollars < :most_dollars)
RETURNING day;

-- name: add(day, tokens, dollars, refused)!
-- Add to the usage of a day; NULL for today. What was reserved and not used is negative.
INSERT INTO ai_usage AS today (account_id, day, tokens, dollars, refused)
VALUES (
    current_account(),
    COALESCE(:day, (clock_timestamp() AT TIME ZONE 'UTC')::date),
    GREATEST(0, :tokens),
    GREATEST(0, :dollars),
    :refused
)
ON CONFLICT (account_id, day) DO UPDATE
SET
    tokens = GREATEST(0, today.tokens + :tokens),
    dollars = GREATEST(0, today.dollars + :dollars),
    refused = today.refused + EXCLUDED.refused;

-- name: own()^
-- The budget of the transaction's account with today's usage.
SELECT
    accounts.account_id,
    accounts.name,
    accounts.ai_daily_tokens AS daily_tokens,
    accounts.ai_daily_dollars AS daily_dollars,
    COALESCE(ai_usage.tokens, 0) AS tokens,
    COALESCE(ai_usage.dollars, 0) AS dollars,
    COALESCE(ai_usage.refused, 0) AS refused
FROM accounts
LEFT JOIN ai_usage
  ON ai_usage.account_id = accounts.account_id
 AND ai_usage.day = (clock_timestamp() AT TIME ZONE 'UTC')::date
WHERE accounts.account_id = current_account();

-- name: budgets()
-- The budgets of all accounts with today's usage.
SELECT
    accounts.account_id,
    accounts.name,
    accounts.ai_daily_tokens AS daily_tokens,
    accounts.ai_daily_dollars AS daily_dollars,
    COALESCE(ai_usage.tokens, 0) AS tokens,
    COALESCE(ai_usage.dollars, 0) AS dollars,
    COALESCE(ai_usage.refused, 0) AS refused
FROM accounts
LEFT JOIN ai_usage
  ON ai_usage.account_id = accounts.account_id
 AND ai_usage.day = (clock_timestamp() AT TIME ZONE 'UTC')::date
ORDER BY accounts.name, accounts.account_id;
