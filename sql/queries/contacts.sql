-- name: add(id, external_id, email, name, avatar_url, attributes)^
-- Add a contact; no row if the account has one with this external id or email address.
INSERT INTO contacts (account_id, id, external_id, email, name, avatar_url, attributes)
VALUES (current_account(), :id, :external_id, :email, :name, :avatar_url, :attributes)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: id_of_external(external_id)^
-- The id of the contact with an external id.
SELECT id
FROM contacts
WHERE account_id = current_account()
  AND external_id = :external_id;

-- name: id_of_email(email)^
-- The id of the contact with an email address.
SELECT id
FROM contact_of_email(:email) AS found (id)
WHERE id IS NOT NULL;

-- name: by_external(external_id)^
-- The contact with an external id.
SELECT
    id,
    external_id,
    email,
    name,
    avatar_url,
    attributes,
    notes,
    active,
    created_at
FROM contacts
WHERE account_id = current_account()
  AND external_id = :external_id;

-- name: lock(contact_id)^
-- Lock a contact until the transaction ends.
SELECT id
FROM contacts
WHERE account_id = current_account()
  AND id = :contact_id
FOR NO KEY UPDATE;

-- name: get(contact_id)^
-- A contact, active or not.
SELECT
    id,
    external_id,
    email,
    name,
    avatar_url,
    attributes,
    notes,
    active,
    created_at
FROM contacts
WHERE account_id = current_account()
  AND id = :contact_id;

-- name: page(before_id, active, limit)
-- Contacts before a position in the list, newest first.
SELECT
    id,
    external_id,
    email,
    name,
    avatar_url,
    attributes,
    notes,
    active,
    created_at
FROM contacts
WHERE account_id = current_account()
  AND id < :before_id::uuid
  AND (:active::boolean IS NULL OR active = :active)
ORDER BY id DESC
LIMIT :limit;

-- name: change(contact_id, external_id, email, name, avatar_url, attributes, notes, active)!
-- Change a contact.
UPDATE contacts
SET
    external_id = :external_id,
    email = :email,
    name = :name,
    avatar_url = :avatar_url,
    attributes = :attributes,
    notes = :notes,
    active = :active
WHERE account_id = current_account()
  AND id = :contact_id;

-- name: add_changes(contact_id, limit)!
-- Add entries to the outbox for the newest open conversations of a contact, whose view has changed.
INSERT INTO outbox (account_id, id, conversation_id, seq)
SELECT account_id, gen_random_uuid(), id, -1
FROM (
    SELECT account_id, id
    FROM conversations
    WHERE account_id = current_account()
      AND contact_id = :contact_id
      AND status <> 'closed'
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
) AS newest;
