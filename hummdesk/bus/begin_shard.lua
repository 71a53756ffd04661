-- Begin a shard that was split from another one, unless it has begun. Its first entry, without events, follows the last
-- entry that both have in common, and has a later id: readers continue, and positions remain comparable.
--
-- A shard that has begun before the split was made again, as after Redis has lost it, has a loss.
--
-- KEYS: the stream, its tip, its epoch
-- ARGV: number of all shards after the split, id of the common entry, epoch at the split, '1' if it was just made
local known, common = string.match(redis.call('GET', KEYS[3]) or '', '^%d+ %d+ (%d+) (%S+)')
local clock = redis.call('TIME')
local at = string.format('%d.%06d', clock[1], clock[2])
if tonumber(known or 0) >= tonumber(ARGV[1]) then
  if ARGV[4] == '1' and common ~= ARGV[2] then
    redis.call('SET', KEYS[2], redis.call('XADD', KEYS[1], '*', 'prev', '', 'at', at))
  end
  return
end
local milliseconds, counter = string.match(ARGV[2], '^(%d+)-(%d+)$')
local fields = {'prev', ARGV[2], 'at', at}
local next = milliseconds .. '-' .. string.format('%.0f', counter + 1)
local id = redis.pcall('XADD', KEYS[1], next, unpack(fields))
if type(id) == 'table' then -- entries of a stream whose other keys Redis has lost are later
  id = redis.call('XADD', KEYS[1], '*', unpack(fields))
end
redis.call('SET', KEYS[2], id)
redis.call('SET', KEYS[3], table.concat({ARGV[3], '0', ARGV[1], ARGV[2], ARGV[3]}, ' '))
