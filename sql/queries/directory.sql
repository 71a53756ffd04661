-- name: find_contact(contact_id)^
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
