-- name: mark(conversation_id, run_id, is_dismissed)^
-- Record that an agent was shown a draft, or has dismissed it; the first time counts. No row unless the conversation has
-- such a draft.
INSERT INTO draft_views (account_id, run_id, dismissed_at)
SELECT account_id, id, CASE WHEN :is_dismissed THEN clock_timestamp() END
FROM ai_runs
WHERE account_id = current_account()
  AND id = :run_id
  AND conversation_id = :conversation_id
  AND kind = 'draft'
  AND outcome = 'done'
ON CONFLICT (account_id, run_id) DO UPDATE
SET dismissed_at = COALESCE(draft_views.dismissed_at, EXCLUDED.dismissed_at)
RETURNING run_id;

-- name: figures(since, until, limit)
-- What became of the newest draft runs of a range, in all, by category and by first source; `limit` bounds how many are
-- read. A draft of a message without a classification is `unclassified`.
WITH run AS MATERIALIZED (
    SELECT id, message_id, outcome
    FROM ai_runs
    WHERE account_id = current_account()
      AND kind = 'draft'
      AND created_at >= :since
      AND created_at < :until
      AND outcome IN ('done', 'abstained')
    ORDER BY created_at DESC
    LIMIT :limit
), draft AS (
    SELECT
        run.outcome,
        COALESCE(
            ai_corrections.category,
            classified.payload -> 'classification' ->> 'category',
            'unclassified'
        ) AS category,
        drafted.payload -> 'citations' -> 0 ->> 'kind' AS source_kind,
        (drafted.payload -> 'citations' -> 0 ->> 'id')::uuid AS source_id,
        draft_views.run_id IS NOT NULL AS is_shown,
        draft_views.dismissed_at IS NOT NULL AS is_dismissed,
        used.draft_use
    FROM run
    LEFT JOIN ai_results AS drafted
      ON drafted.account_id = current_account()
     AND drafted.run_id = run.id
     AND run.outcome = 'done'
    LEFT JOIN LATERAL (
        SELECT ai_results.payload
        FROM ai_runs
        JOIN ai_results
          ON ai_results.account_id = current_account()
         AND ai_results.run_id = ai_runs.id
        WHERE ai_runs.account_id = current_account()
          AND ai_runs.message_id = run.message_id
          AND ai_runs.kind = 'classification'
        ORDER BY ai_runs.repetition DESC
        LIMIT 1
    ) AS classified ON true
    LEFT JOIN ai_corrections
      ON ai_corrections.account_id = current_account()
     AND ai_corrections.message_id = run.message_id
    LEFT JOIN draft_views
      ON draft_views.account_id = current_account()
     AND draft_views.run_id = run.id
    LEFT JOIN LATERAL (
        SELECT past_answers.draft_use
        FROM past_answers
        WHERE past_answers.account_id = current_account()
          AND past_answers.draft_run_id = run.id
        ORDER BY past_answers.message_id
        LIMIT 1
    ) AS used ON true
)
SELECT
    CASE
        WHEN GROUPING(draft.category) = 0 THEN 'category'
        WHEN GROUPING(draft.source_kind) = 0 THEN 'source'
        ELSE 'all'
    END AS kind,
    draft.category,
    draft.source_kind,
    draft.source_id,
    max(knowledge_articles.title) AS title,
    count(*) AS runs,
    count(*) FILTER (WHERE outcome = 'abstained') AS abstained,
    count(*) FILTER (WHERE outcome = 'done') AS drafts,
    count(*) FILTER (WHERE is_shown) AS shown,
    count(*) FILTER (WHERE draft_use = 'as_it_was') AS accepted,
    count(*) FILTER (WHERE draft_use = 'edited') AS edited,
    count(*) FILTER (WHERE draft_use = 'ignored') AS ignored,
    count(*) FILTER (WHERE is_dismissed) AS dismissed,
    count(*) FILTER (WHERE is_dismissed AND draft_use IN ('as_it_was', 'edited')) AS sent_anyway
FROM draft
LEFT JOIN knowledge_articles
  ON knowledge_articles.account_id = current_account()
 AND knowledge_articles.id = draft.source_id
GROUP BY GROUPING SETS ((), (draft.category), (draft.source_kind, draft.source_id))
ORDER BY kind, runs DESC, draft.category, draft.source_kind, draft.source_id;
