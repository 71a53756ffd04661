-- name: put_article(id, title, body, questions, language)^
-- Add or change an article; no row if nothing changes.
INSERT INTO knowledge_articles (account_id, id, title, body, questions, language)
VALUES (current_account(), :id, :title, :body, :questions, :language)
ON CONFLICT (account_id, id) DO UPDATE
SET title = excluded.title, body = excluded.body, questions = excluded.questions, language = excluded.language
WHERE (knowledge_articles.title, knowledge_articles.body, knowledge_articles.questions, knowledge_articles.language)
    IS DISTINCT FROM (excluded.title, excluded.body, excluded.questions, excluded.language)
RETURNING xmax = 0 AS is_new;

-- name: lock_article(id)^
-- Lock an article until the transaction ends.
SELECT id
FROM knowledge_articles
WHERE account_id = current_account()
  AND id = :id
FOR NO KEY UPDATE;

-- name: get_article(id)^
-- An article.
SELECT id, title, body, questions, language, created_at
FROM knowledge_articles
WHERE account_id = current_account()
  AND id = :id;

-- name: page_of_articles(before_at, before_id, limit)
-- Articles before a position in the list, newest first.
SELECT id, title, body, questions, language, created_at
FROM knowledge_articles
WHERE account_id = current_account()
  AND (created_at, id) < (:before_at, :before_id::uuid)
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: remove_article(id)^
-- Remove an article and its passages.
DELETE FROM knowledge_articles
WHERE account_id = current_account()
  AND id = :id
RETURNING id;

-- name: put_canned_reply(id, title, body, language)^
-- Add or change a canned reply; no row if nothing changes.
INSERT INTO canned_replies (account_id, id, title, content, language)
VALUES (current_account(), :id, :title, :body, :language)
ON CONFLICT (account_id, id) DO UPDATE
SET title = excluded.title, content = excluded.content, language = excluded.language
WHERE (canned_replies.title, canned_replies.content, canned_replies.language)
    IS DISTINCT FROM (excluded.title, excluded.content, excluded.language)
RETURNING xmax = 0 AS is_new;

-- name: lock_canned_reply(id)^
-- Lock a canned reply until the transaction ends.
SELECT id
FROM canned_replies
WHERE account_id = current_account()
  AND id = :id
FOR NO KEY UPDATE;

-- name: get_canned_reply(id)^
-- A canned reply.
SELECT id, title, content AS body, '{}'::text[] AS questions, language, created_at
FROM canned_replies
WHERE account_id = current_account()
  AND id = :id;

-- name: page_of_canned_replies(before_at, before_id, limit)
-- Canned replies before a position in the list, newest first.
SELECT id, title, content AS body, '{}'::text[] AS questions, language, created_at
FROM canned_replies
WHERE account_id = current_account()
  AND (created_at, id) < (:before_at, :before_id::uuid)
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: remove_canned_reply(id)^
-- Remove a canned reply and its passages.
DELETE FROM canned_replies
WHERE account_id = current_account()
  AND id = :id
RETURNING id;

-- name: drafts(article_id, newest, limit)
-- The newest drafts that were made from an article, among the newest results of the account.
SELECT
    ai_results.run_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_results.created_at
FROM (
    SELECT account_id, run_id, kind, payload, created_at
    FROM ai_results
    WHERE account_id = current_account()
    ORDER BY run_id DESC
    LIMIT :newest
) AS ai_results
JOIN ai_runs
  ON ai_runs.account_id = ai_results.account_id
 AND ai_runs.id = ai_results.run_id
WHERE ai_results.kind = 'draft'
  AND ai_results.payload -> 'sources' ? :article_id::uuid::text
ORDER BY ai_results.run_id DESC
LIMIT :limit;
