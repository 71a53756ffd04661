-- compatible from: 0036
-- What a team handles, in words and in examples of messages: the AI suggests it by these.

ALTER TABLE teams
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN examples text[] NOT NULL DEFAULT '{}'
        CONSTRAINT teams_examples_bounded CHECK (cardinality(examples) <= 20);

GRANT INSERT (description, examples), UPDATE (description, examples) ON teams TO hummdesk_app;
