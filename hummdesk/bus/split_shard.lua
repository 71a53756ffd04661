-- Split a shard, unless it was split into so many already. An entry without events marks the place: events of accounts
-- that move to the new shard are before it in this one, and later in the new one. `append.lua` refuses writers that do not
-- know of the split.
--
-- KEYS: the stream, its tip, its epoch, then marks of events
-- ARGV: number of all shards after the split, seconds to keep marks
-- Returns 'id of the entry;epoch at the split;marks', where the marks begin with the generation to which they belong.
--       They are empty once all marks from before the split have expired.
local current, generation, state = string.match(redis.call('GET', KEYS[3]) or '0 0', '^(%d+) (%d+) ?(.*)$')
local number, seal, sealed_in = string.match(state, '^(%d+) (%S+) (%d+)$')
local clock = redis.call('TIME')
if tonumber(number or 16) < tonumber(ARGV[1]) then
  local previous = redis.call('GET', KEYS[2]) or '0-0'
  local at = string.format('%d.%06d', clock[1], clock[2])
  number, sealed_in = ARGV[1], current
  seal = redis.call('XADD', KEYS[1], '*', 'prev', previous, 'at', at, 'shards', number)
  redis.call('SET', KEYS[2], seal)
  redis.call('SET', KEYS[3], table.concat({current, generation, number, seal, sealed_in}, ' '))
end
local marks = {}
if tonumber(clock[1]) - tonumber(string.match(seal, '^%d+')) / 1000 < tonumber(ARGV[2]) then
  marks[1] = generation
  for index = 4, #KEYS do
    marks[#marks + 1] = redis.call('GET', KEYS[index]) or ''
  end
end
return table.concat({seal, sealed_in, table.concat(marks, ',')}, ';')
