-- Presence: one step for each of the leases, atomically. Times are Redis's own clock in milliseconds, since the clocks of
-- the processes may differ. KEYS: leases (sorted set "account/agent/socket" by end of lease), unpublished (sorted set
-- "account/agent" by the time of the change, until its publication is confirmed). Beside them, named below by
-- account and agent: the statuses of the account (hash by agent) and the sockets of the agent (set).
-- ARGV: step, lease ms, expiry s, then account, agent and socket of each lease.
local step, lease, expiry = ARGV[1], ARGV[2], ARGV[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local steps = {}

if step == 'overdue' then -- unpublished for `lease`; no other caller gets them for as long
  local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - lease, 'LIMIT', 0, ARGV[4])
  for _, member in ipairs(found) do
    redis.call('ZADD', KEYS[2], now, member)
  end
  return found
end

local function mark_unpublished(account, agent)
  redis.call('ZADD', KEYS[2], now, account .. '/' .. agent)
  redis.call('EXPIRE', KEYS[2], expiry)
end

function steps.confirm(account, agent)
  redis.call('ZREM', KEYS[2], account .. '/' .. agent)
  return redis.call('HGET', 'hummdesk:presence:' .. account, agent)
end

-- change by hand; the status is passed in place of the socket
function steps.change(account, agent, status)
  local statuses = 'hummdesk:presence:' .. account
  local before = redis.call('HGET', statuses, agent)
  redis.call('HSET', statuses, agent, status)
  redis.call('EXPIRE', statuses, expiry)
  if before ~= status then
    mark_unpublished(account, agent)
  end
  return before
end

function steps.leave(account, agent, socket, member)
  redis.call('ZADD', KEYS[1], 'XX', now + lease, member)
  return false
end

function steps.expire(account, agent, socket, member)
  local statuses = 'hummdesk:presence:' .. account
  local sockets = statuses .. ':' .. agent
  local ends = redis.call('ZSCORE', KEYS[1], member)
  if not ends or tonumber(ends) > now then
    return false
  end
  redis.call('ZREM', KEYS[1], member)
  redis.call('SREM', sockets, socket)
  if redis.call('SCARD', sockets) > 0 then
    return false
  end
  local status = redis.call('HGET', statuses, agent)
  redis.call('HDEL', statuses, agent)
  if status == 'offline' then
    return false
  end
  mark_unpublished(account, agent)
  return status
end

-- join and renew differ in one thing: a new session ends an offline status that was set by hand
function steps.join(account, agent, socket, member)
  local statuses = 'hummdesk:presence:' .. account
  local sockets = statuses .. ':' .. agent
  redis.call('ZADD', KEYS[1], now + lease, member)
  redis.call('SADD', sockets, socket)
  local status = redis.call('HGET', statuses, agent)
  local is_new = not status or (step == 'join' and status == 'offline')
  if is_new then
    redis.call('HSET', statuses, agent, 'online')
    mark_unpublished(account, agent)
  end
  redis.call('EXPIRE', statuses, expiry)
  redis.call('EXPIRE', sockets, expiry)
  redis.call('EXPIRE', KEYS[1], expiry)
  return is_new and 'online'
end

steps.renew = steps.join

local answers = {}
for at = 4, #ARGV, 3 do
  local account, agent, socket = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  answers[#answers + 1] = steps[step](account, agent, socket, account .. '/' .. agent .. '/' .. socket)
end
return answers
