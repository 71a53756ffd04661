-- name: result(run_id)^
-- What a run has found.
SELECT payload
FROM ai_results
WHERE account_id = current_account()
  AND run_id = :run_id;
