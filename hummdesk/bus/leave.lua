-- A socket of this node has gone: keep what it needs to come back for the window.
-- KEYS: what is kept  ARGV: the node, what to keep, milliseconds
-- Gives 1; 0 if the socket is at another node meanwhile.
local kept = redis.call('GET', KEYS[1])
if kept and string.match(kept, '^%*?(%S*)') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ' ' .. ARGV[2], 'PX', ARGV[3])
return 1
