-- Begin, renew or end the lease of a viewer, atomically. Times are Redis's own clock in milliseconds.
-- KEYS: 1 viewers (sorted set "agent/socket/name" by end of lease). ARGV: 1 step, 2 agent/socket/name, 3 lease ms.
-- Returns whether the viewers have changed, and the viewers; none for a renewal without a change.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local changed = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)

if ARGV[1] ~= 'leave' then
  changed = changed + redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  changed = changed + redis.call('ZREM', KEYS[1], ARGV[2])
end
if ARGV[1] == 'renew' and changed == 0 then
  return {0, {}} -- otherwise each of many sockets in a conversation would get the list of all the others
end
return {changed, redis.call('ZRANGE', KEYS[1], 0, -1)}
