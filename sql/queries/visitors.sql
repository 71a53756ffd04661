-- name: is_allowed_origin(origins)^
-- Whether a page of one of these origins may show the account's widget.
SELECT widget_origins && :origins::text[] AS allowed
FROM accounts
WHERE account_id = current_account();

-- name: add_visitor(visitor_id, email, name)!
-- Add a contact for an anonymous visitor.
INSERT INTO contacts (account_id, id, email, name)
VALUES (current_account(), :visitor_id, :email, :name);
