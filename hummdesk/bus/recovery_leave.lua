-- A socket of this node has gone: keep what it needs to come back for the window, if anything is kept.
-- KEYS: what is kept  ARGV: the node, milliseconds
-- Gives 1; 0 if the socket is at another node meanwhile.
local kept = redis.call('GET', KEYS[1])
if not kept then
  return 1
end
local node, rest = string.match(kept, '^%*?(%S*)( .*)$')
if node ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], rest, 'PX', ARGV[2])
return 1
