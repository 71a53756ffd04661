-- name: lock_recorded(contact_id, origins)^
-- Lock an active contact, if the account records the pages of one of these origins; no row otherwise.
SELECT contacts.id
FROM contacts
JOIN accounts ON accounts.account_id = contacts.account_id
WHERE contacts.account_id = current_account()
  AND contacts.id = :contact_id
  AND contacts.active
  AND accounts.widget_look -> 'recordPages' = 'true'::jsonb
  AND accounts.widget_origins && :origins::text[]
FOR NO KEY UPDATE OF contacts;

-- name: add(id, contact_id, url, title)!
-- Add a visit to the page; the newest visit of a contact is renewed if it is one to the same page.
WITH renewed AS (
    UPDATE page_visits
    SET title = :title, visited_at = clock_timestamp()
    FROM (
        SELECT id, url
        FROM page_visits
        WHERE account_id = current_account()
          AND contact_id = :contact_id
        ORDER BY visited_at DESC, id DESC
        LIMIT 1
    ) AS newest
    WHERE page_visits.account_id = current_account()
      AND page_visits.contact_id = :contact_id
      AND page_visits.id = newest.id
      AND newest.url = :url
    RETURNING page_visits.id
)
INSERT INTO page_visits (account_id, id, contact_id, url, title)
SELECT current_account(), :id, :contact_id, :url, :title
WHERE NOT EXISTS (SELECT FROM renewed);

-- name: trim(contact_id, most)!
-- Delete all but the newest visits of a contact.
DELETE FROM page_visits
WHERE account_id = current_account()
  AND contact_id = :contact_id
  AND id IN (
      SELECT id
      FROM page_visits
      WHERE account_id = current_account()
        AND contact_id = :contact_id
      ORDER BY visited_at DESC, id DESC
      OFFSET :most
  );

-- name: visits(contact_id)
-- The visits of a contact, newest first.
SELECT url, title, visited_at
FROM page_visits
WHERE account_id = current_account()
  AND contact_id = :contact_id
ORDER BY visited_at DESC, id DESC;

-- name: move(visitor_id, contact_id)!
-- Make the visits of a visitor those of the contact.
UPDATE page_visits
SET contact_id = :contact_id
WHERE account_id = current_account()
  AND contact_id = :visitor_id;
