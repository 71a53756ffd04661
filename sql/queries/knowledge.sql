-- name: lock_updates()
-- Lock updates of the account's knowledge until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('knowledge ' || current_account(), 0));

-- name: nearest(vectors, model, limit, answers)
-- The articles and canned replies whose passages are nearest to any of at most six vectors, and the nearest past
-- answers, with a limit of their own: there may be many to a common question. Each passage is read once, and compared
-- in an expression (GREATEST ignores vectors that are not there): a join with the vectors took three times as long. OFFSET 0:
-- the vectors of passages are not sorted.
WITH passage AS (
    SELECT
        article_id,
        canned_reply_id,
        past_answer_id,
        GREATEST(
            -(embedding <#> query.vectors[1]),
            -(embedding <#> query.vectors[2]),
            -(embedding <#> query.vectors[3]),
            -(embedding <#> query.vectors[4]),
            -(embedding <#> query.vectors[5]),
            -(embedding <#> query.vectors[6])
        ) AS similarity
    FROM knowledge_passages
    CROSS JOIN (SELECT :vectors::vector[] AS vectors) AS query
    WHERE account_id = current_account()
      AND model = :model
    OFFSET 0
), source AS (
    SELECT
        article_id,
        canned_reply_id,
        past_answer_id,
        max(similarity) AS similarity
    FROM passage
    GROUP BY
        article_id,
        canned_reply_id,
        past_answer_id
), near AS (
    (
        SELECT *
        FROM source
        WHERE past_answer_id IS NULL
        ORDER BY similarity DESC
        LIMIT :limit
    )
    UNION ALL
    (
        SELECT *
        FROM source
        WHERE past_answer_id IS NOT NULL
        ORDER BY similarity DESC
        LIMIT :answers
    )
)
SELECT
    near.article_id,
    near.canned_reply_id,
    near.past_answer_id,
    COALESCE(knowledge_articles.title, canned_replies.title, past_answers.question) AS title,
    COALESCE(knowledge_articles.body, canned_replies.content, past_answers.answer) AS body,
    COALESCE(knowledge_articles.questions, '{}') AS questions,
    COALESCE(past_answers.draft_use IN ('edited', 'ignored'), false) AS instead_of_draft,
    COALESCE(knowledge_articles.changed_at, knowledge_articles.created_at) AS changed_at,
    knowledge_articles.encoded
FROM near
LEFT JOIN knowledge_articles
  ON knowledge_articles.account_id = current_account()
 AND knowledge_articles.id = near.article_id
LEFT JOIN canned_replies
  ON canned_replies.account_id = current_account()
 AND canned_replies.id = near.canned_reply_id
LEFT JOIN past_answers
  ON past_answers.account_id = current_account()
 AND past_answers.message_id = near.past_answer_id
ORDER BY near.similarity DESC, near.article_id, near.canned_reply_id, near.past_answer_id;

-- name: outdated_articles(model, limit)
-- Lock articles without vectors of their current text by this model, or without encodings.
SELECT id, title, body, questions
FROM knowledge_articles
WHERE account_id = current_account()
  AND (indexed_as IS DISTINCT FROM :model OR encoded IS NULL)
ORDER BY indexed_as IS NOT DISTINCT FROM :model, id
LIMIT :limit
FOR NO KEY UPDATE SKIP LOCKED;

-- name: outdated_canned_replies(model, limit)
-- Lock canned replies without vectors of their current text by this model.
SELECT id, title, content
FROM canned_replies
WHERE account_id = current_account()
  AND indexed_as IS DISTINCT FROM :model
ORDER BY id
LIMIT :limit
FOR NO KEY UPDATE SKIP LOCKED;

-- name: outdated_past_answers(model, limit)
-- Lock past answers without vectors of their question by this model.
SELECT message_id, question, answer
FROM past_answers
WHERE account_id = current_account()
  AND question IS NOT NULL
  AND indexed_as IS DISTINCT FROM :model
ORDER BY message_id
LIMIT :limit
FOR NO KEY UPDATE SKIP LOCKED;

-- name: replace_passages(articles, encoded, canned_replies, past_answers, passages, model)!
-- Replace the passages of locked sources by those of a JSON recordset; `encoded` is in the order of `articles`.
WITH removed AS (
    DELETE FROM knowledge_passages
    WHERE account_id = current_account()
      AND (
          article_id = ANY (:articles::uuid[])
          OR canned_reply_id = ANY (:canned_replies::uuid[])
          OR past_answer_id = ANY (:past_answers::uuid[])
      )
), article AS (
    UPDATE knowledge_articles
    SET indexed_as = :model,
        encoded = indexed.encoded
    FROM unnest(:articles::uuid[], :encoded::bytea[]) AS indexed (id, encoded)
    WHERE account_id = current_account()
      AND knowledge_articles.id = indexed.id
), canned_reply AS (
    UPDATE canned_replies
    SET indexed_as = :model
    WHERE account_id = current_account()
      AND id = ANY (:canned_replies::uuid[])
), past_answer AS (
    UPDATE past_answers
    SET indexed_as = :model
    WHERE account_id = current_account()
      AND message_id = ANY (:past_answers::uuid[])
)
INSERT INTO knowledge_passages (account_id, id, article_id, canned_reply_id, past_answer_id, model, embedding)
SELECT
    current_account(),
    passage.id,
    passage.article_id,
    passage.canned_reply_id,
    passage.past_answer_id,
    :model,
    passage.vector
FROM json_to_recordset(:passages::json) AS passage (
    id uuid,
    article_id uuid,
    canned_reply_id uuid,
    past_answer_id uuid,
    vector vector
);
