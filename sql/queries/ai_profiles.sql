-- name: profile(replies, longest)^
-- What drafts of the account follow: its texts, and its newest short replies that were sent from drafts before today (UTC).
SELECT
    accounts.ai_company AS company,
    accounts.ai_voice AS voice,
    accounts.ai_policies AS policies,
    ARRAY(
        SELECT past_answers.answer
        FROM past_answers
        WHERE past_answers.account_id = current_account()
          AND past_answers.question IS NOT NULL
          AND past_answers.draft_use IN ('as_it_was', 'edited')
          AND past_answers.learned_at < date_trunc('day', now(), 'UTC')
          AND length(past_answers.answer) <= :longest
        ORDER BY past_answers.message_id DESC
        LIMIT :replies
    ) AS replies
FROM accounts
WHERE accounts.account_id = current_account();
