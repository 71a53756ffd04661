-- name: get()^
-- The account's own categories and tags; no row: it has none.
SELECT is_enabled, categories, tags
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

-- name: put_tags(tags)!
-- Set the account's own tags. The time of the change is their version, as of categories.
INSERT INTO own_categories (account_id, is_enabled, categories, tags)
VALUES (current_account(), false, '[]', :tags)
ON CONFLICT (account_id) DO UPDATE
SET tags = excluded.tags,
    changed_at = clock_timestamp();

-- name: used(account_ids)
-- The own categories and tags of accounts that use some, with their version.
SELECT
    account_id,
    changed_at AS version,
    is_enabled,
    categories,
    tags
FROM own_categories
WHERE account_id = ANY(:account_ids)
  AND (is_enabled OR tags <> '[]');
