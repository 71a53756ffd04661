-- name: find_users(email)
-- Active users by their address, in every account that the role sees.
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
ORDER BY accounts.created_at, accounts.account_id;

-- name: find_contacts(email)
-- Active contacts by their address, in every account that the role sees.
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
ORDER BY accounts.created_at, accounts.account_id;

-- name: find_contact(contact_id)
-- An active contact by its id alone, in every account that the role sees.
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
  AND contacts.active;

-- name: set_skills(account_id, email, skills)^
-- Say what a user can do.
UPDATE users
SET skills = :skills
WHERE account_id = :account_id
  AND lower(email) = lower(:email)
RETURNING name;
