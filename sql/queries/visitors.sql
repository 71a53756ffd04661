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

-- name: state_details(contact_id, email, name)^
-- Store what a customer states: an address that the company has not verified, and the name of an anonymous visitor.
UPDATE contacts
SET
    stated_email = COALESCE(:email, stated_email),
    name = CASE
        WHEN starts_with(email, 'visitor-') AND email ~ '@visitors[.]invalid$' AND external_id IS NULL
        THEN COALESCE(:name, name)
        ELSE name
    END
WHERE account_id = current_account()
  AND id = :contact_id
  AND active
RETURNING id;

-- name: open_conversations(contact_id, limit)
-- The newest conversations of a contact that are not closed.
SELECT id
FROM conversations
WHERE account_id = current_account()
  AND contact_id = :contact_id
  AND status <> 'closed'
ORDER BY updated_at DESC, id DESC
LIMIT :limit;

-- name: introduced(ids, limit)
-- Agents among `ids`, unless the account does not show them in the widget.
SELECT
    users.id,
    users.name,
    user_photos.version AS photo_version
FROM users
JOIN accounts ON accounts.account_id = users.account_id
LEFT JOIN user_photos
  ON user_photos.account_id = users.account_id
 AND user_photos.user_id = users.id
WHERE users.account_id = current_account()
  AND users.id = ANY(:ids::uuid[])
  AND users.active
  AND users.role IN ('admin', 'agent')
  AND accounts.widget_look -> 'showTeam' IS DISTINCT FROM 'false'::jsonb
ORDER BY users.role DESC, users.name, users.id
LIMIT :limit;

-- name: reply_time(limit, within, least)^
-- The median time of the first replies of agents in the newest conversations, each within `within` messages; no row if
-- they are fewer than `least`.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds
FROM (
    SELECT EXTRACT(epoch FROM reply.created_at - recent.created_at)::double precision AS seconds
    FROM (
        SELECT id, created_at
        FROM conversations
        WHERE account_id = current_account()
        ORDER BY id DESC
        LIMIT :limit
    ) AS recent
    CROSS JOIN LATERAL (
        SELECT first.created_at
        FROM (
            SELECT seq, created_at, sender_type, private, metadata
            FROM messages
            WHERE messages.account_id = current_account()
              AND messages.conversation_id = recent.id
            ORDER BY seq
            LIMIT :within
        ) AS first
        WHERE first.sender_type = 'agent'
          AND NOT first.private
          AND first.metadata -> 'automatic' IS DISTINCT FROM 'true'::jsonb
        ORDER BY first.seq
        LIMIT 1
    ) AS reply
    WHERE recent.created_at > now() - interval '7 days'
) AS replies
HAVING count(*) >= :least;

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
