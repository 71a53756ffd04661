-- The operator's command `knowledge remove` takes canned replies, too.

GRANT DELETE ON canned_replies TO hummdesk_operator;
