-- Pay a process's debt to a token bucket and lease it tokens, atomically. Times are Redis's own clock in seconds.
-- KEYS: the bucket ("tokens at": its tokens at that time; absent while it is full)
-- ARGV: 1 tokens a second, 2 burst, 3 debt, negative for returned tokens, 4 tokens wanted
-- Returns the tokens that are leased, and those left in the bucket. A debt never exceeds the burst.
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local rate, burst, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[2])
local saved = redis.call('GET', KEYS[1])
if saved then
  local had, at = string.match(saved, '^(%S+) (%S+)$')
  tokens = math.min(burst, had + math.max(0, now - at) * rate)
end
tokens = math.min(burst, math.max(-burst, tokens - ARGV[3]))
local granted = math.max(0, math.min(tonumber(ARGV[4]), tokens))
tokens = tokens - granted
local milliseconds = math.ceil((burst - tokens) / rate * 1000)
if milliseconds > 0 then
  redis.call('SET', KEYS[1], string.format('%.6f %.6f', tokens, now), 'PX', milliseconds)
else
  redis.call('DEL', KEYS[1])
end
return {string.format('%.6f', granted), string.format('%.6f', tokens)}
