-- compatible from: 0036
-- A webhook that a command creates begins at the end of the feed.

-- The owner of a function grants it.
SET LOCAL ROLE hummdesk_feed;
GRANT EXECUTE ON FUNCTION sequence_feed(integer) TO hummdesk_operator;
RESET ROLE;
