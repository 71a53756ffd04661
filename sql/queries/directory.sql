-- name: find_users(email)
-- Active users by email address, in all accounts.
SELECT
    users.account_id,
    users.id,
    users.email,
    users.name,
    users.role,
    ARRAY[]::uuid[] AS team_ids
FROM accounts
JOIN users ON users.account_id = accounts.account_id
WHERE lower(users.email) = lower(:email)
  AND users.active
  AND accounts.disabled_at IS NULL
ORDER BY accounts.created_at, accounts.account_id;

-- name: find_contacts(email)
-- Active contacts by email address, in all accounts.
SELECT
    contacts.account_id,
    contacts.id,
    contacts.email,
    contacts.name,
    'customer' AS role,
    ARRAY[]::uuid[] AS team_ids
FROM accounts
JOIN contacts ON contacts.account_id = accounts.account_id
WHERE lower(contacts.email) = lower(:email)
  AND contacts.active
  AND accounts.disabled_at IS NULL
ORDER BY accounts.created_at, accounts.account_id;

-- name: find_contact(contact_id)
-- An active contact by id, in all accounts.
SELECT
    contacts.account_id,
    contacts.id,
    contacts.email,
    contacts.name,
    'customer' AS role,
    ARRAY[]::uuid[] AS team_ids
FROM accounts
JOIN contacts ON contacts.account_id = accounts.account_id
WHERE contacts.id = :contact_id
  AND contacts.active
  AND accounts.disabled_at IS NULL;
