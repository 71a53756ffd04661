-- Split a shard, unless it was split into so many already. An entry without events marks the place: events of accounts
-- that move to the new shard are before it in this one, and later in the new one. `append.lua` refuses writers that do not
-- know of the split.
--
-- KEYS: the stream, its tip, its epoch, then marks of events
-- ARGV: number of all shards after the split, seconds to keep marks
-- Returns 'id of the entry;epoch at the split;is new;marks': is new is '1' if this call has split the shard, else '0';
--       the marks begin with the generation to which they belong, and are empty once all from before the split have
--       expired.
local current, generation, state = string.match(redis.call('GET', KEYS[3]) or '0 0', '^(%d+) (%d+) ?(.*)$')
local number, split_entry, split_epoch = string.match(state, '^(%d+) (%S+) (%d+)$')
local clock = redis.call('TIME')
local is_new = tonumber(number or 16) < tonumber(ARGV[1])
if is_new then
  local previous = redis.call('GET', KEYS[2]) or '0-0'
  local at = string.format('%d.%06d', clock[1], clock[2])
  number, split_epoch = ARGV[1], current
  split_entry = redis.call('XADD', KEYS[1], '*', 'prev', previous, 'at', at, 'shards', number)
  redis.call('SET', KEYS[2], split_entry)
  redis.call('SET', KEYS[3], table.concat({current, generation, number, split_entry, split_epoch}, ' '))
end
local marks = {}
if tonumber(clock[1]) - tonumber(string.match(split_entry, '^%d+')) / 1000 < tonumber(ARGV[2]) then
  marks[1] = generation
  for index = 4, #KEYS do
    marks[#marks + 1] = redis.call('GET', KEYS[index]) or ''
  end
end
return table.concat({split_entry, split_epoch, is_new and '1' or '0', table.concat(marks, ',')}, ';')
