-- The conversations that are opened in a range of places, each with the state after its last message.
WITH conversation AS (
    INSERT INTO conversations (
        account_id, id, contact_id, status, assigned_to, subject, client_message_id, last_seq, last_public_seq,
        staff_read_seq, created_at, updated_at
    )
    SELECT
        account_id,
        pg_temp.id_of('c', place * %(per)s, first_at),
        contact_id,
        CASE WHEN place < %(conversations)s * 0.98 THEN 'closed' WHEN place %% 5 = 0 THEN 'pending' ELSE 'open' END,
        CASE WHEN place %% 3 > 0 THEN agent_id END,
        CASE WHEN place %% 10 = 0 THEN content END,
        md5(place::text),
        %(per)s,
        %(per)s,
        %(per)s,
        to_timestamp(first_at / 1000.0::float8),
        to_timestamp(last_at / 1000.0::float8)
    FROM opened
    JOIN phrase
      ON phrase.number = place %% 20000
    CROSS JOIN LATERAL (
        SELECT
            (%(start)s + place * %(per)s * %(step)s::float8)::bigint AS first_at,
            (%(start)s + ((place + (%(per)s - 1) * %(between)s + 1) * %(per)s - 1) * %(step)s::float8)::bigint AS last_at
    ) AS times
    WHERE place BETWEEN %(first)s AND %(last)s
    ORDER BY place
    RETURNING account_id, id, contact_id, created_at
)
INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, created_at)
SELECT account_id, id, id, 'created', contact_id, 'customer', created_at
FROM conversation
