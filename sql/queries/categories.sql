-- name: get()^
-- The account's own categories; no row: it has none.
SELECT is_enabled, categories
FROM own_categories
WHERE account_id = current_account();

-- name: put(is_enabled, categories)!
-- Set the account's own categories. The time of the change is their version.
INSERT INTO own_categories (account_id, is_enabled, categories)
VALUES (current_account(), :is_enabled, :categories)
ON CONFLICT (account_id) DO UPDATE
SET is_enabled = excluded.is_enabled,
    categories = excluded.categories,
    changed_at = clock_timestamp();

-- name: enabled(account_ids)
-- The own categories of accounts that use them, with their version.
SELECT account_id, changed_at AS version, categories
FROM own_categories
WHERE account_id = ANY(:account_ids)
  AND is_enabled;
