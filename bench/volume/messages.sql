-- The messages in a range of places in time: number j of a conversation comes j * between conversations after its first one.
INSERT INTO messages (
    account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type, client_message_id,
    created_at, bytes
)
SELECT
    account_id,
    pg_temp.id_of('m', slot, sent_at),
    pg_temp.id_of('c', place * %(per)s, (%(start)s + place * %(per)s * %(step)s::float8)::bigint),
    slot %% %(per)s + 1,
    CASE WHEN slot %% 2 = 0 THEN contact_id ELSE agent_id END,
    CASE WHEN slot %% 2 = 0 THEN 'customer' ELSE 'agent' END,
    'Somebody',
    content || CASE WHEN slot %% 10 = 0 THEN ' order ' || slot ELSE '' END,
    'text',
    md5(slot::text),
    to_timestamp(sent_at / 1000.0::float8),
    length(content) + 80
FROM (
    SELECT slot::bigint AS slot, (%(start)s + slot * %(step)s::float8)::bigint AS sent_at
    FROM generate_series(%(first)s * %(per)s, %(last)s * %(per)s + %(per)s - 1) AS slot
) AS moment
JOIN opened
  ON place = slot / %(per)s - slot %% %(per)s * %(between)s
 AND place BETWEEN %(first)s - %(per)s * %(between)s AND %(last)s
JOIN phrase
  ON phrase.number = slot * 7919 %% 20000
