-- Release the lock of an account, unless it has expired and another process has it.
-- KEYS: the lock  ARGV: the token of its holder
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
