-- name: store(run_id, calls)!
-- Store the model calls of one attempt of a run, given as a JSON recordset.
INSERT INTO ai_calls (
    account_id,
    id,
    run_id,
    provider,
    model,
    prompt,
    outcome,
    fallback,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    output_tokens,
    cost_usd,
    milliseconds
)
SELECT
    current_account(),
    call.id,
    :run_id,
    call.provider,
    call.model,
    call.prompt,
    call.outcome,
    call.fallback,
    call.input_tokens,
    call.cache_read_tokens,
    call.cache_write_tokens,
    call.output_tokens,
    call.cost_usd,
    call.milliseconds
FROM json_to_recordset(:calls::json) AS call (
    id uuid,
    provider text,
    model text,
    prompt text,
    outcome text,
    fallback boolean,
    input_tokens integer,
    cache_read_tokens integer,
    cache_write_tokens integer,
    output_tokens integer,
    cost_usd numeric,
    milliseconds integer
);

-- name: costs(days)
-- Costs of the last days by account and model. The sum leaves out calls with an unknown price, and the median those of
-- batches, which have no time.
SELECT
    ai_calls.account_id,
    accounts.name,
    ai_calls.provider,
    ai_calls.model,
    count(*) FILTER (WHERE ai_calls.outcome <> 'budget_exhausted') AS calls,
    count(*) FILTER (WHERE ai_calls.outcome NOT IN ('ok', 'budget_exhausted')) AS failures,
    count(*) FILTER (WHERE ai_calls.fallback AND ai_calls.outcome <> 'budget_exhausted') AS fallbacks,
    count(*) FILTER (WHERE ai_calls.outcome = 'budget_exhausted') AS over_budget,
    sum(ai_calls.input_tokens + ai_calls.cache_read_tokens + ai_calls.cache_write_tokens) AS input_tokens,
    sum(ai_calls.cache_read_tokens) AS cached_tokens,
    sum(ai_calls.output_tokens) AS output_tokens,
    sum(ai_calls.cost_usd) AS cost_usd,
    count(*) FILTER (WHERE ai_calls.cost_usd IS NULL AND ai_calls.input_tokens > 0) AS unpriced,
    COALESCE(
        percentile_disc(0.5) WITHIN GROUP (ORDER BY ai_calls.milliseconds)
            FILTER (WHERE ai_calls.milliseconds > 0),
        0
    ) AS median_milliseconds
FROM ai_calls
JOIN accounts
  ON accounts.account_id = ai_calls.account_id
WHERE ai_calls.created_at > clock_timestamp() - make_interval(days => :days)
GROUP BY ai_calls.account_id, accounts.name, ai_calls.provider, ai_calls.model
ORDER BY accounts.name, ai_calls.account_id, cost_usd DESC NULLS LAST, ai_calls.model;
