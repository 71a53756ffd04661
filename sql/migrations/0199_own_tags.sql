-- compatible from: 0036
-- The tags of messages that an account has named itself. Without any, the built-in ones are used.

ALTER TABLE own_categories
    ADD COLUMN tags jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT own_categories_tags_bounded CHECK (
        jsonb_typeof(tags) = 'array'
        AND jsonb_array_length(tags) <= 50
        AND octet_length(tags::text) <= 1048576
    );
