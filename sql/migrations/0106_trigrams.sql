-- compatible from: 0036
-- Trigrams, by which a search finds parts of words and misspelled ones. The extension is trusted: the owner of the database
-- may add it.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
