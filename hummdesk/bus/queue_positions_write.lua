-- Replace the published positions of an account.
-- KEYS: the positions (hash by conversation)  ARGV: seconds to keep them, then conversation and position of each
redis.call('DEL', KEYS[1])
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
