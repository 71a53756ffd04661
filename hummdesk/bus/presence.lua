-- Presence: one step for each of the leases, atomically. Times are Redis's own clock in milliseconds, since the clocks of
-- the processes may differ. KEYS: leases (sorted set "account/agent/socket" by end of lease), unpublished (sorted set
-- "account/agent" by the time of the change, until its publication is confirmed), then for each lease the statuses of its
-- account (hash by agent) and the sockets of its agent (set).
-- ARGV: step, lease ms, expiry s, then account, agent and socket of each lease. `extend` has the keys of all its leases,
-- each once, and after the expiry "account/agent/socket" of each lease.
local step, lease, expiry = ARGV[1], ARGV[2], ARGV[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local steps = {}

if step == 'ended' then -- at most so many leases that have expired
  return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[4])
end

if step == 'next' then -- ms until the first lease ends
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return first[2] and {tonumber(first[2]) - now} or {}
end

if step == 'overdue' then -- unpublished for `lease`; no other caller gets them for as long
  local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - lease, 'LIMIT', 0, ARGV[4])
  for _, member in ipairs(found) do
    redis.call('ZADD', KEYS[2], now, member)
  end
  return found
end

if step == 'extend' then -- in few commands, if nothing of these leases is lost; returns whether they are valid longer
  local ends = {}
  for index = 4, #ARGV do
    ends[#ends + 1] = now + lease
    ends[#ends + 1] = ARGV[index]
  end
  local is_complete = redis.call('ZADD', KEYS[1], 'XX', 'CH', unpack(ends)) == #ARGV - 3
  for index = 1, #KEYS do
    if index ~= 2 and redis.call('EXPIRE', KEYS[index], expiry) == 0 then
      is_complete = false
    end
  end
  return {is_complete and 1 or 0}
end

local extended = {}
local function extend(key) -- once, though many leases of a call have the same key
  if not extended[key] then
    redis.call('EXPIRE', key, expiry)
    extended[key] = true
  end
end

local function mark_unpublished(account, agent)
  redis.call('ZADD', KEYS[2], now, account .. '/' .. agent)
  extend(KEYS[2])
end

function steps.confirm(statuses, sockets, account, agent)
  redis.call('ZREM', KEYS[2], account .. '/' .. agent)
  return redis.call('HGET', statuses, agent)
end

-- change by hand; the status is passed in place of the socket
function steps.change(statuses, sockets, account, agent, status)
  local before = redis.call('HGET', statuses, agent)
  redis.call('HSET', statuses, agent, status)
  redis.call('EXPIRE', statuses, expiry)
  if before ~= status then
    mark_unpublished(account, agent)
  end
  return before
end

function steps.leave(statuses, sockets, account, agent, socket, member)
  redis.call('ZADD', KEYS[1], 'XX', now + lease, member)
  return false
end

function steps.expire(statuses, sockets, account, agent, socket, member)
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
function steps.join(statuses, sockets, account, agent, socket, member)
  redis.call('ZADD', KEYS[1], now + lease, member)
  redis.call('SADD', sockets, socket)
  local status = redis.call('HGET', statuses, agent)
  local is_new = not status or (step == 'join' and status == 'offline')
  if is_new then
    redis.call('HSET', statuses, agent, 'online')
    mark_unpublished(account, agent)
  end
  extend(statuses)
  extend(sockets)
  extend(KEYS[1])
  return is_new and 'online'
end

steps.renew = steps.join

local answers = {}
for index = 1, (#ARGV - 3) / 3 do
  local statuses, sockets = KEYS[1 + 2 * index], KEYS[2 + 2 * index]
  local account, agent, socket = ARGV[1 + 3 * index], ARGV[2 + 3 * index], ARGV[3 + 3 * index]
  local member = account .. '/' .. agent .. '/' .. socket
  answers[index] = steps[step](statuses, sockets, account, agent, socket, member)
end
return answers
