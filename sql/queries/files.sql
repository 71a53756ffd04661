-- name: reserve(size, quota)^
-- Add a file to the bytes of the account; no row: they would exceed its quota, which is the default `quota` unless it has
-- its own, and 0 without limit. The row is locked until the commit.
INSERT INTO file_usage AS used (account_id, bytes)
SELECT current_account(), :size::bigint
WHERE EXISTS (SELECT FROM file_usage WHERE account_id = current_account())
   OR :quota::bigint = 0
   OR :size <= :quota::bigint
ON CONFLICT (account_id) DO UPDATE
SET bytes = used.bytes + excluded.bytes
WHERE COALESCE(used.quota, :quota::bigint) = 0
   OR used.bytes + excluded.bytes <= COALESCE(used.quota, :quota::bigint)
RETURNING bytes, COALESCE(quota, :quota::bigint) AS quota;

-- name: usage()^
-- The bytes of the account's files and its own quota, if it has one; no row before its first file.
SELECT bytes, quota
FROM file_usage
WHERE account_id = current_account();

-- name: set_quota(quota)!
-- Set the account's own quota; NULL: the default.
INSERT INTO file_usage (account_id, bytes, quota)
VALUES (current_account(), 0, :quota::bigint)
ON CONFLICT (account_id) DO UPDATE
SET quota = excluded.quota;

-- name: open_uploads(uploader_id, most)^
-- The number of unfinished uploads of a person, up to `most`.
SELECT count(*) AS open
FROM (
    SELECT
    FROM files
    WHERE account_id = current_account()
      AND uploader_id = :uploader_id
      AND state = 'uploading'
    LIMIT :most
) AS counted;

-- name: unsent_of_customers()^
-- The bytes of files of the account's customers that no message refers to, with unfinished ones.
SELECT COALESCE(sum(size), 0)::bigint AS bytes
FROM files
WHERE account_id = current_account()
  AND uploader_type = 'customer'
  AND attached_at IS NULL;

-- name: add(id, conversation_id, uploader_id, uploader_type, is_staff, name, size, link_key, hours)^
-- Begin an upload; no row: the conversation does not exist, was erased, or is not the customer's. An erasure that has
-- begun is waited for.
INSERT INTO files (account_id, id, conversation_id, uploader_id, uploader_type, name, size, link_key, expires_at)
SELECT
    account_id,
    :id,
    id,
    :uploader_id,
    :uploader_type,
    :name,
    :size,
    :link_key,
    clock_timestamp() + :hours::double precision * interval '1 hour'
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
  AND erased_at IS NULL
  AND (:is_staff OR contact_id = :uploader_id)
FOR SHARE
RETURNING expires_at;

-- name: of_uploader(id, uploader_id, is_staff)^
-- A file of this uploader. The files of a visitor become the customer's with the conversation.
SELECT
    files.id,
    files.conversation_id,
    files.name,
    files.size,
    files.received,
    files.chunks,
    files.state,
    files.content_type,
    files.width,
    files.height,
    files.link_key,
    files.attached_at,
    files.expires_at,
    files.scan_error
FROM files
JOIN conversations
  ON conversations.account_id = files.account_id
 AND conversations.id = files.conversation_id
WHERE files.account_id = current_account()
  AND files.id = :id
  AND (
      files.uploader_id = :uploader_id
      OR NOT :is_staff AND files.uploader_type = 'customer' AND conversations.contact_id = :uploader_id
  );

-- name: readable(id, viewer_id, is_staff)^
-- A file that a person may read: staff all, a customer their own ones, and those of public messages to them.
SELECT
    files.id,
    files.conversation_id,
    files.name,
    files.size,
    files.received,
    files.chunks,
    files.state,
    files.content_type,
    files.width,
    files.height,
    files.link_key,
    files.attached_at,
    files.expires_at,
    files.scan_error
FROM files
JOIN conversations
  ON conversations.account_id = files.account_id
 AND conversations.id = files.conversation_id
WHERE files.account_id = current_account()
  AND files.id = :id
  AND (
      :is_staff
      OR conversations.contact_id = :viewer_id
      AND (files.uploader_type = 'customer' OR files.attached_at IS NOT NULL AND NOT files.is_private)
  );

-- name: linked(id)^
-- A file, for the bearer of a link that its key has signed.
SELECT
    id,
    conversation_id,
    name,
    size,
    received,
    chunks,
    state,
    content_type,
    width,
    height,
    link_key,
    attached_at,
    expires_at,
    scan_error
FROM files
WHERE account_id = current_account()
  AND id = :id;

-- name: append(id, start, size, chunk, hours)^
-- Add a stored object to an unfinished file; no row: another request has added one, or the file was deleted. With the
-- first one it expires later.
UPDATE files
SET received = received + :size,
    chunks = chunks || :chunk::text,
    expires_at = CASE
        WHEN received > 0 THEN expires_at
        ELSE clock_timestamp() + :hours::double precision * interval '1 hour'
    END
WHERE account_id = current_account()
  AND id = :id
  AND state = 'uploading'
  AND received = :start
  AND received + :size <= size
RETURNING received;

-- name: finish(id, state, content_type, width, height)!
-- Record what a complete file is. A file that is to be scanned is scanned at once.
UPDATE files
SET state = :state,
    content_type = :content_type,
    width = :width,
    height = :height,
    scan_at = CASE WHEN :state = 'scanning' THEN clock_timestamp() END
WHERE account_id = current_account()
  AND id = :id
  AND state = 'uploading'
  AND received = size;

-- name: remove(id)^
-- Delete a file that no message refers to.
DELETE FROM files
WHERE account_id = current_account()
  AND id = :id
  AND attached_at IS NULL
RETURNING id;

-- name: attach(ids, conversation_ids, uploader_ids, is_customer, private)
-- Attach files of these persons to a message. One that was in a public message stays public. Returns what `undo_attach`
-- needs: the time of this attachment, and how the file was before it.
UPDATE files
SET attached_at = clock_timestamp(),
    expires_at = NULL,
    is_private = :private AND (before.attached_at IS NULL OR before.is_private)
FROM (
    SELECT files.account_id, files.id, files.attached_at, files.is_private
    FROM files
    JOIN conversations
      ON conversations.account_id = files.account_id
     AND conversations.id = files.conversation_id
    WHERE files.account_id = current_account()
      AND files.id = ANY(:ids)
      AND files.conversation_id = ANY(:conversation_ids)
      AND files.state = 'ready'
      AND conversations.erased_at IS NULL
      AND (
          files.uploader_id = ANY(:uploader_ids)
          OR :is_customer AND files.uploader_type = 'customer' AND conversations.contact_id = ANY(:uploader_ids)
      )
    ORDER BY files.id
    FOR NO KEY UPDATE OF files
) AS before
WHERE files.account_id = before.account_id
  AND files.id = before.id
RETURNING
    files.id,
    files.name,
    files.content_type,
    files.size,
    files.width,
    files.height,
    files.attached_at,
    before.attached_at AS attached_before,
    before.is_private AS private_before;

-- name: undo_attach(id, attached_at, attached_before, private_before, hours)!
-- Restore a file as it was before its message, which was not stored; unless another message refers to it since.
UPDATE files
SET attached_at = :attached_before::timestamptz,
    is_private = :private_before,
    expires_at = CASE
        WHEN :attached_before::timestamptz IS NULL
        THEN clock_timestamp() + :hours::double precision * interval '1 hour'
    END
WHERE account_id = current_account()
  AND id = :id
  AND attached_at = :attached_at;

-- name: move(ids, conversation_id)!
-- Move the files of a message that was stored in another conversation than the one it was sent to: they are deleted with
-- the message's conversation.
UPDATE files
SET conversation_id = :conversation_id
WHERE account_id = current_account()
  AND id = ANY(:ids);

-- name: take_unscanned(most, lease_seconds)
-- Take files that wait for a scan, of all accounts, for as long as a scan may take.
UPDATE files
SET scan_at = clock_timestamp() + :lease_seconds * interval '1 second'
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM files
    WHERE state = 'scanning'
      AND scan_at <= now()
    ORDER BY scan_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
))
RETURNING account_id, id, chunks, scan_attempts;

-- name: scanned(account_id, id, state, scan_error, attempts, retry_seconds)!
-- Record the result of a scan. A failed one, `state` NULL, is repeated.
UPDATE files
SET state = COALESCE(:state::text, state),
    scan_error = :scan_error::text,
    scan_attempts = :attempts,
    scan_at = CASE WHEN :state::text IS NULL THEN clock_timestamp() + :retry_seconds * interval '1 second' END
WHERE account_id = :account_id
  AND id = :id
  AND state = 'scanning';

-- name: remove_expired(most)!
-- Delete uploads that were not finished or not attached in time, of all accounts; not one that is attached meanwhile.
DELETE FROM files
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM files
    WHERE expires_at <= now()
    ORDER BY expires_at
    LIMIT :most
))
  AND expires_at <= now();

-- name: take_deletions(most, longest_seconds)
-- Take files whose objects are to be deleted, of all accounts. They are due again unless `deleted` follows.
UPDATE file_deletions
SET attempts = attempts + 1,
    due_at = clock_timestamp() + LEAST(30 * 2 ^ LEAST(attempts, 20), :longest_seconds) * interval '1 second'
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM file_deletions
    WHERE due_at <= now()
    ORDER BY due_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
))
RETURNING account_id, file_id, attempts, deleted_at;

-- name: deleted(account_id, file_id, again_seconds)!
-- Record that the objects of a file were deleted; they are deleted once more after a time.
UPDATE file_deletions
SET deleted_at = clock_timestamp(),
    due_at = clock_timestamp() + :again_seconds * interval '1 second'
WHERE account_id = :account_id
  AND file_id = :file_id;

-- name: forget(account_id, file_id)!
-- Forget a file whose objects were deleted twice.
DELETE FROM file_deletions
WHERE account_id = :account_id
  AND file_id = :file_id;

-- name: undeleted_of_conversation(conversation_id)^
-- The number of files of a conversation whose objects are not deleted yet.
SELECT count(*) AS n
FROM file_deletions
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND deleted_at IS NULL;

-- name: undeleted_of_account(account_id)^
-- The number of files of an account whose objects are not deleted yet.
SELECT count(*) AS n
FROM file_deletions
WHERE account_id = :account_id
  AND deleted_at IS NULL;
