-- compatible from: 0036
-- Settings of an account: the least confidence of a draft that is shown, and the look of the widget.
-- The table accounts is small: checking the new constraints takes milliseconds.

ALTER TABLE accounts
    ADD COLUMN ai_min_confidence double precision
        CONSTRAINT accounts_ai_min_confidence_a_share CHECK (ai_min_confidence BETWEEN 0 AND 1),
    ADD COLUMN widget_look jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT accounts_widget_look_bounded
            CHECK (jsonb_typeof(widget_look) = 'object' AND octet_length(widget_look::text) <= 8192);

GRANT UPDATE (ai_min_confidence, widget_look) ON accounts TO hummdesk_app;
