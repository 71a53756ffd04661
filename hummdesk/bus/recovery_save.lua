-- Save a session, unless another node has it: its client reconnected there while this node was suspended.
-- KEYS: the session  ARGV: the node, the session, the seconds to keep it
local saved = redis.call('GET', KEYS[1])
local node = saved and string.match(saved, '^%*?(%S*) ') or ''
if node == '' or node == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
end
