-- What people can do: categories of messages that they know about, and languages that they speak.

ALTER TABLE users ADD COLUMN skills text[] NOT NULL DEFAULT '{}';
