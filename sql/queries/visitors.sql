-- name: is_allowed_origin(origins)^
-- Whether a page of one of these origins may show the widget of the account, which is not disabled.
SELECT disabled_at IS NULL AND widget_origins && :origins::text[] AS allowed
FROM accounts
WHERE account_id = current_account();

-- name: add_visitor(visitor_id, email, name)!
-- Add a contact for an anonymous visitor.
INSERT INTO contacts (account_id, id, email, name)
VALUES (current_account(), :visitor_id, :email, :name);

-- name: credential_holder(visitor_id, issued_at)^
-- The active contact of a visitor's credential that was issued at a time, unless such ones were revoked since.
SELECT
    contacts.account_id,
    contacts.id,
    contacts.email,
    contacts.name,
    'customer' AS role,
    ARRAY[]::uuid[] AS team_ids
FROM contacts
JOIN accounts ON accounts.account_id = contacts.account_id
WHERE contacts.account_id = current_account()
  AND contacts.id = :visitor_id
  AND contacts.active
  AND COALESCE(to_timestamp(:issued_at) > GREATEST(accounts.passes_revoked_at, contacts.passes_revoked_at), true);

-- name: revoke_credentials(account_id, visitor_id)^
-- Refuse the credentials of a visitor that were issued before now.
UPDATE contacts
SET passes_revoked_at = clock_timestamp()
WHERE account_id = :account_id
  AND id = :visitor_id
RETURNING passes_revoked_at;

-- name: revoke_all_credentials(account_id)^
-- Refuse all visitors' credentials of the account that were issued before now.
UPDATE accounts
SET passes_revoked_at = clock_timestamp()
WHERE account_id = :account_id
RETURNING passes_revoked_at;
