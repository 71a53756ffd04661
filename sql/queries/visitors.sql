-- name: look_for_origin(origins)^
-- The look of the widget, if a page of one of these origins may show it and the account is not disabled.
SELECT widget_look
FROM accounts
WHERE account_id = current_account()
  AND disabled_at IS NULL
  AND widget_origins && :origins::text[];

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

-- name: lock_both(visitor_id, contact_id)
-- Lock a visitor and a contact against new conversations, in one order; return whether each is an anonymous visitor.
SELECT id, starts_with(email, 'visitor-') AND email ~ '@visitors[.]invalid$' AND external_id IS NULL AS is_visitor
FROM contacts
WHERE account_id = current_account()
  AND id IN (:visitor_id, :contact_id)
ORDER BY id
FOR UPDATE;

-- name: move_conversations(visitor_id, contact_id)
-- Move the conversations of a visitor to a contact; return their ids.
UPDATE conversations
SET contact_id = :contact_id
WHERE account_id = current_account()
  AND contact_id = :visitor_id
RETURNING id;

-- name: move_notes(visitor_id, contact_id)!
-- Add the notes on a visitor to those on the contact.
UPDATE contacts
SET notes = left(concat_ws(E'\n', NULLIF(contacts.notes, ''), visitor.notes), 10000)
FROM contacts AS visitor
WHERE contacts.account_id = current_account()
  AND contacts.id = :contact_id
  AND visitor.account_id = current_account()
  AND visitor.id = :visitor_id
  AND visitor.notes <> '';

-- name: move_messages(conversation_ids, visitor_id, contact_id)!
-- Make the messages of a visitor in moved conversations those of the contact.
UPDATE messages
SET sender_id = :contact_id
WHERE account_id = current_account()
  AND conversation_id = ANY (:conversation_ids::uuid[])
  AND sender_id = :visitor_id
  AND sender_type = 'customer';

-- name: move_reads(conversation_ids, visitor_id, contact_id)!
-- Make the read positions of a visitor in moved conversations those of the contact.
UPDATE message_reads
SET reader_id = :contact_id
WHERE account_id = current_account()
  AND conversation_id = ANY (:conversation_ids::uuid[])
  AND reader_id = :visitor_id;

-- name: remove_visitor(visitor_id)!
-- Delete an anonymous visitor who has no conversation any more.
DELETE FROM contacts
WHERE account_id = current_account()
  AND id = :visitor_id;

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
