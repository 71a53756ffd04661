-- compatible from: 0036
-- A webhook that a command creates begins at the end of the feed.
GRANT EXECUTE ON FUNCTION sequence_feed(integer) TO hummdesk_operator;
