-- Presence, as one atomic step each. Times are Redis's own clock in milliseconds, so that nodes need not agree on theirs.
-- KEYS: 1 leases (sorted set "account/agent/socket" by end of lease), 2 statuses of the account (hash by agent),
--       3 sockets of the agent (set). ARGV: 1 step, 2 agent, 3 socket, 4 account/agent/socket, 5 lease ms, 6 expiry s.
local step, agent, socket, member = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if step == 'leave' then
  redis.call('ZADD', KEYS[1], 'XX', now + ARGV[5], member)
  return false
end

if step == 'expire' then
  local ends = redis.call('ZSCORE', KEYS[1], member)
  if not ends or tonumber(ends) > now then
    return false
  end
  redis.call('ZREM', KEYS[1], member)
  redis.call('SREM', KEYS[3], socket)
  if redis.call('SCARD', KEYS[3]) > 0 then
    return false
  end
  local status = redis.call('HGET', KEYS[2], agent)
  redis.call('HDEL', KEYS[2], agent)
  return status ~= 'offline' and status
end

-- join: a new session ends an absence set by hand; renew: it does not
redis.call('ZADD', KEYS[1], now + ARGV[5], member)
redis.call('SADD', KEYS[3], socket)
local status = redis.call('HGET', KEYS[2], agent)
local arrived = not status or (step == 'join' and status == 'offline')
if arrived then
  redis.call('HSET', KEYS[2], agent, 'online')
end
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[6])
end
return arrived and 'online'
