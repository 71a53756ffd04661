-- A client is back: its node gives it what was kept, which is marked meanwhile by a star before the node.
-- KEYS: what is kept  ARGV: the node, milliseconds, 1 to take it from a connected socket as well
-- Gives what was kept, with the node that had it; 0 if it may not be taken now.
local kept = redis.call('GET', KEYS[1])
if not kept then
  return false
end
local node, rest = string.match(kept, '^(%S*)( .*)$')
if string.sub(node, 1, 1) == '*' or (node ~= '' and ARGV[3] == '0') then
  return 0
end
redis.call('SET', KEYS[1], '*' .. ARGV[1] .. rest, 'PX', ARGV[2])
return kept
