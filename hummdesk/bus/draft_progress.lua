-- Steps of the draft that is generated for a conversation, of one run at a time.
-- KEYS[1]: of the conversation. ARGV: step (begin, save, end), run, seconds, state.
local step, run = ARGV[1], ARGV[2]
if step ~= 'begin' and redis.call('HGET', KEYS[1], 'run') ~= run then
    return 0
end
if step == 'end' then
    return redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'run', run, 'state', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
