-- no transaction
-- compatible from: 0036
-- The search of 0189 reads the indexes of the copied subjects.

DROP INDEX CONCURRENTLY IF EXISTS conversations_words;
DROP INDEX CONCURRENTLY IF EXISTS conversations_trigrams;
