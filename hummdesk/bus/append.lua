-- Append a batch of one writer to a shard. The stream then has every event once, the messages of a conversation in the
-- order of `seq`, and in each entry the id of the entry before it.
--
-- The first write of a newer epoch of PostgreSQL's data is a loss: `seq`s are given again, AI runs repeated, and readers
-- have to discard what they have. Messages and events of AI runs that were committed in an earlier epoch may be lost, and
-- are left out.
-- A process that starts has just read the epoch: another one, newer or not, is that of a database that was replaced.
--
-- A shard may have been split in two since the writer read the number of all shards: its write is refused as a whole.
--
-- KEYS: the stream, its tip (the id of the last entry), the writer, the ends of its parts, the bytes of the current part,
--       the epoch, then the mark of each event that has one
-- ARGV: number of this write, entries to keep, seconds to keep entries, seconds to keep marks, the writer's clock,
--       '1' if the writer has dropped events before, bytes to keep, the writer's epoch or 0 if it knows none, '1' for
--       its first write in the first one, the number of all shards at the last split of this one as the writer knows
--       it, the marks of the events in the shard that this one was split from (split_shard.lua) or nothing; then for
--       each event its kind, `seq` and packed form
-- Returns 'id of the entry;id of the entry before it;repeats;rejected messages;outdated'. The ids are empty if nothing
--       was appended, the second one also if events were lost. Repeats are indices of events that the stream has
--       already, outdated ones those of an earlier epoch. A rejected message, whose predecessor is missing, is
--       'index:last known seq, or -1'. All are separated by commas. A write is refused with 'shards N', N being the
--       number of all shards at the last split of this one, and ';lost' if Redis has lost an earlier write.

local number, length, entry_seconds, mark_seconds = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local has_lost, parts = ARGV[6] == '1', 16

local known = redis.call('GET', KEYS[3])
local before, answered = string.match(known or '0 ', '^(%d+) (.*)$')
if tonumber(before) == number then
  return answered -- a repeated write, whose answer was lost
end
if tonumber(before) ~= number - 1 then
  has_lost = true -- Redis has lost an earlier write that it had confirmed
end

local epoch = tonumber(ARGV[8])
-- Versions that do not know splits expect two numbers here, and fail after the first split.
local current, generation, split = string.match(redis.call('GET', KEYS[6]) or '0 0', '^(%d+) (%d+) ?(.*)$')
local shards = string.match(split, '^%d+') or '16'
if shards ~= ARGV[10] then
  return 'shards ' .. shards .. (has_lost and ';lost' or '')
end
current, generation = tonumber(current), tonumber(generation)
if epoch > current or (ARGV[9] == '1' and epoch ~= current) then
  if current > 0 then
    generation, has_lost = generation + 1, true
  end
  current = epoch
  redis.call('SET', KEYS[6], ARGV[8] .. ' ' .. generation .. (split ~= '' and ' ' .. split or ''))
end
local is_outdated = epoch > 0 and epoch < current
local first = generation * 2 ^ 40 -- the mark of a message is `seq` beyond this one
local once = string.format('%.0f', generation + 1) -- the mark of another event, unless the event is 'blocked'

-- The marks in the shard that this one was split from, which count where this one has none; first their generation.
-- They are of the epoch at the split, or of one before it: after a newer one, only those count that block an event.
local inherited = {}
for mark in string.gmatch(ARGV[11] .. ',', '([^,]*),') do
  inherited[#inherited + 1] = (generation == 0 or mark == 'blocked') and mark or ''
end
local inherited_generation = tonumber(inherited[1]) or 0
local inherited_once = string.format('%.0f', inherited_generation + 1)

local early, repeats, outdated = {}, {}, {}

-- A message is appended after its predecessor, if that was published and is unknown, or if it is forced.
local function take_message(mark, kind, seq, index, older)
  local known = redis.call('GET', mark)
  local last = known and known - first or (tonumber(older) or -1) - inherited_generation * 2 ^ 40
  last = math.max(last, -1)
  if seq <= last then
    repeats[#repeats + 1] = index
    return false
  end
  local is_next = seq == last + 1 or (last == -1 and (seq == 1 or kind == 'far'))
  if is_next or kind == 'forced' then
    redis.call('SET', mark, string.format('%.0f', first + seq), 'EX', mark_seconds)
    return true
  end
  early[#early + 1] = index .. ':' .. last
  return false
end

local previous, id = has_lost and '' or redis.call('GET', KEYS[2]) or '0-0', nil
local fields = {'prev', previous, 'at', ARGV[5]}
local marks, taken, size = 6, 0, 0
for at = 12, #ARGV, 3 do
  local kind, index, is_taken = ARGV[at], (at - 12) / 3, true
  if kind ~= '' then
    marks = marks + 1
    local older = inherited[marks - 5] -- the first key of a mark is the seventh
    if is_outdated then
      is_taken = false
      outdated[#outdated + 1] = index
    elseif kind == 'once' then
      local mark = redis.call('GET', KEYS[marks])
      is_taken = mark ~= once and mark ~= 'blocked' and (mark or older ~= inherited_once and older ~= 'blocked')
      if is_taken then
        redis.call('SET', KEYS[marks], once, 'EX', mark_seconds)
      else
        repeats[#repeats + 1] = index
      end
    else
      is_taken = take_message(KEYS[marks], kind, tonumber(ARGV[at + 1]), index, older)
    end
  end
  if is_taken then
    fields[#fields + 1] = taken
    fields[#fields + 1] = ARGV[at + 2]
    taken = taken + 1
    size = size + #ARGV[at + 2]
  end
end

if taken > 0 or has_lost then
  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, '*', unpack(fields))
  redis.call('SET', KEYS[2], id)
  -- Redis trims by number and id only: the ends of the latest 16 parts of the same size are kept.
  local part_bytes = math.floor(ARGV[7] / parts)
  if redis.call('INCRBY', KEYS[5], size) > part_bytes then
    redis.call('DECRBY', KEYS[5], part_bytes)
    if redis.call('RPUSH', KEYS[4], id) >= parts then
      redis.call('XTRIM', KEYS[1], 'MINID', '~', redis.call('LPOP', KEYS[4]))
    end
  end
  local oldest = (tonumber(redis.call('TIME')[1]) - entry_seconds) * 1000
  redis.call('XTRIM', KEYS[1], 'MINID', '~', oldest)
end
local entry = id and id .. ';' .. previous or ';'
local answer = table.concat(
  {entry, table.concat(repeats, ','), table.concat(early, ','), table.concat(outdated, ',')}, ';')
redis.call('SET', KEYS[3], number .. ' ' .. answer, 'EX', mark_seconds)
return answer
