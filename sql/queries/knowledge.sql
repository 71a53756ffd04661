-- name: articles()
-- All knowledge articles of the account.
SELECT id, title, body, questions
FROM knowledge_articles
WHERE account_id = current_account()
ORDER BY created_at, id;

-- name: canned_replies()
-- All canned replies of the account.
SELECT id, title, content
FROM canned_replies
WHERE account_id = current_account()
ORDER BY created_at, id;
